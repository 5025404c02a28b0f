"""Prometheus files: recording rules, alert rules and the promtool tests that prove them."""
