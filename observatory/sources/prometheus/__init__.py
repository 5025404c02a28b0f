"""Prometheus and servers that speak its HTTP API: Mimir, Thanos, VictoriaMetrics, Cortex."""

from observatory.sources.prometheus.source import PrometheusSource

__all__ = ["PrometheusSource"]
