"""Figures of a running server, in the format that Prometheus reads."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Measures:
    """Counters of one server; a registry of its own, so that several servers in a process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("lithoscope_requests", "Answered requests", ["path", "status"], registry=self.registry)
        self.photographs = Counter("lithoscope_photographs", "Photographs", ["answer"], registry=self.registry)
        self.under_way = Gauge("lithoscope_requests_under_way", "Predictions under way", registry=self.registry)
        self.seconds = Histogram(
            "lithoscope_predict_seconds", "Seconds a prediction took", buckets=_SECONDS, registry=self.registry
        )

    def text(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self.registry)
