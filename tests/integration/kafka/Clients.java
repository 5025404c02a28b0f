import com.sun.net.httpserver.HttpServer;
import io.micrometer.core.instrument.binder.kafka.KafkaClientMetrics;
import io.micrometer.core.instrument.binder.kafka.KafkaStreamsMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;

/**
 * Three applications in one process: shop writes to a topic, billing reads it, audit reads it with Kafka Streams. Each
 * shows its own metrics under its name. Arguments: bootstrap server, port, topic, number of messages.
 */
public class Clients {
    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[0], topic = arguments[2];
        int port = Integer.parseInt(arguments[1]), messages = Integer.parseInt(arguments[3]);
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        PrometheusMeterRegistry shop = shown(server, "/shop"), billing = shown(server, "/billing");
        PrometheusMeterRegistry audit = shown(server, "/audit");
        server.start();

        Properties common = new Properties();
        common.put("bootstrap.servers", bootstrap);
        StreamsBuilder topology = new StreamsBuilder();
        topology.stream(topic).foreach((key, value) -> { });
        Properties streaming = with(common, "application.id", "audit-v1", "auto.offset.reset", "earliest");
        streaming.put("default.key.serde", Serdes.String().getClass());
        streaming.put("default.value.serde", Serdes.String().getClass());
        streaming.put("state.dir", Files.createTempDirectory("audit").toString());
        KafkaStreams streams = new KafkaStreams(topology.build(), streaming);
        streams.start();

        Properties reading = with(common, "group.id", "billing-v1", "auto.offset.reset", "earliest");
        KafkaConsumer<String, String> consumer =
            new KafkaConsumer<>(reading, new StringDeserializer(), new StringDeserializer());
        Thread reader = new Thread(() -> {
            consumer.subscribe(List.of(topic));
            while (true) {
                consumer.poll(Duration.ofMillis(200));
            }
        });
        reader.setDaemon(true);
        reader.start();

        KafkaProducer<String, String> producer =
            new KafkaProducer<>(common, new StringSerializer(), new StringSerializer());
        // The applications are scraped a few times before the first message.
        Thread.sleep(6000);
        for (int number = 0; number < messages; number++) {
            producer.send(new ProducerRecord<>(topic, Integer.toString(number), "{}"));
            Thread.sleep(25);
            if (number == messages / 2) {
                // New metrics are looked for once a minute; binding late shows those of the topic at once.
                Thread.sleep(1000);
                new KafkaClientMetrics(producer).bindTo(shop);
                new KafkaClientMetrics(consumer).bindTo(billing);
                new KafkaStreamsMetrics(streams).bindTo(audit);
            }
        }
        producer.flush();
        Thread.sleep(Long.MAX_VALUE);
    }

    private static Properties with(Properties base, String... more) {
        Properties made = new Properties();
        made.putAll(base);
        for (int place = 0; place < more.length; place += 2) {
            made.put(more[place], more[place + 1]);
        }
        return made;
    }

    private static PrometheusMeterRegistry shown(HttpServer server, String path) {
        PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        server.createContext(path, exchange -> {
            byte[] text = registry.scrape().getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "text/plain; version=0.0.4");
            exchange.sendResponseHeaders(200, text.length);
            exchange.getResponseBody().write(text);
            exchange.close();
        });
        return registry;
    }
}
