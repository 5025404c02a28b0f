"""Metrics that are pushed: OTLP and Prometheus remote-write requests, read into one common form, the `Batch`."""
