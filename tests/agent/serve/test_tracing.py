"""Spans of episodes and actions, by OpenTelemetry's own exporter in memory."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from autotts.agent.serve import tracing
from autotts.agent.serve.tracing import Tracing

from .running import RunningGateway

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_an_episode_is_a_span_with_its_actions_below_that_of_the_client() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with RunningGateway(tracing=Tracing(provider)) as running:
        running.client.headers["traceparent"] = PARENT
        answer = running.ask().json()["autotts"]
    action, episode = exporter.get_finished_spans()
    assert (action.name, episode.name) == ("autotts.run_many_to_end", "autotts.episode")
    assert action.parent is not None and action.parent.span_id == episode.context.span_id
    assert action.attributes == {"autotts.branches": 4, "autotts.tokens": 96}
    assert episode.parent is not None and f"{episode.context.trace_id:032x}" in PARENT
    assert (
        episode.attributes is not None
        and {
            "gen_ai.request.model": "fake",
            "gen_ai.usage.output_tokens": 96,
            "autotts.episode": answer["episode"],
            "autotts.result": "ok",
            "autotts.beta": 0.5,
        }.items()
        <= episode.attributes.items()
    )


def test_without_its_packages_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_module", lambda name: None)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    assert not tracing.export_spans()
    with Tracing().span("a span", {"a": 1}, {"traceparent": PARENT}) as span:
        span.set({"b": 2})


def test_nothing_is_exported_unless_the_environment_names_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", raising=False)
    assert not tracing.export_spans()
