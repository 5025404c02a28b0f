"""SLOs for event-driven systems: AsyncAPI documents joined with the telemetry that measures them."""

__version__ = "0.1.0"
