"""The metrics of a gateway, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from .served_answer import ServedAnswer

_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000)
_TOKENS = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
_BRANCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class GatewayMetrics:
    """Counts what a gateway does. Each has a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.requests = self._counter("requests", "Requests by path and HTTP status.", "path", "status")
        self.refused = self._counter("refused", "Requests that were refused, by reason.", "reason")
        self.passed = self._counter("pass_through", "Requests that passed through to the model, by reason.", "reason")
        self.episodes = self._counter("episodes", "Episodes by controller and result.", "controller", "result")
        self.verdicts = self._counter("verdicts", "Verdicts on controllers that are not ok, by kind.", "kind")
        self.sources = self._counter("answers", "Answers by where their text comes from.", "text_from")
        self.departures = self._counter("clients_gone", "Requests whose client left before the answer.")
        self.changes = self._counter("controller_changes", "Changes of the controller, by result.", "result")
        self.tokens = self._counter("tokens", "Tokens of all episodes by kind, as the model's server counts.", "kind")
        self.branches = self._counter("branches", "Branches by what became of them.", "fate")
        self.seconds = self._histogram("episode_seconds", "Seconds from a request to its answer.", _SECONDS)
        self.critical = self._histogram("critical_path_tokens", "Tokens generated one after another.", _TOKENS)
        self.episode_tokens = self._histogram("episode_tokens", "Tokens of an episode.", _TOKENS)
        self.widths = self._histogram("episode_branches", "Branches of an episode.", _BRANCHES)

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Add a figure that is read when it is asked for."""
        Gauge(f"autotts_{name}", text, registry=self.registry).set_function(read)

    def episode(self, answer: ServedAnswer) -> None:
        """Count an episode that has ended."""
        self.episodes.labels(answer.controller, answer.result).inc()
        self.sources.labels("model" if answer.model_answer is not None else answer.text.source).inc()
        if answer.verdict is not None:
            self.verdicts.labels(answer.verdict[0]).inc()
        use, probes = answer.use, answer.probe_use
        for kind, count in (
            ("branches", use.generated),
            ("probes", probes.generated),
            ("prefilled", use.prefilled + probes.prefilled),
            ("cached", use.cached + probes.cached),
            ("cancelled", use.cancelled + probes.cancelled),
        ):
            self.tokens.labels(kind).inc(count)
        for fate, number in answer.branches.items():
            self.branches.labels(fate).inc(number)
        self.seconds.observe(answer.seconds)
        self.critical.observe(answer.critical_tokens)
        self.episode_tokens.observe(answer.tokens)
        self.widths.observe(answer.branches["opened"])

    def text(self) -> bytes:
        """Return all figures in Prometheus's text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"autotts_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"autotts_{name}", text, buckets=buckets, registry=self.registry)
