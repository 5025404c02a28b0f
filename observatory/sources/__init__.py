"""Who answers: Prometheus-compatible servers, trace backends, the embedded store. Only here is the network used."""
