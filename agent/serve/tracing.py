"""OpenTelemetry spans: one for each episode, and one for each action in it. Without its packages, nothing happens.

Set-up is OpenTelemetry's own: a tracer provider of the process, or with the extra `otel` an exporter that
`OTEL_EXPORTER_OTLP_ENDPOINT` names. The header `traceparent` of a request makes its span the parent.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

SCOPE = "autotts.serve"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

Attributes = Mapping[str, str | bool | int | float]


class Tracing:
    """Opens spans, if OpenTelemetry is installed.

    Args:
        provider: the tracer provider; None for that of the process.
    """

    def __init__(self, provider: Any = None) -> None:
        self._trace: Any = _module("opentelemetry.trace")
        self._propagate: Any = _module("opentelemetry.propagate")
        self._tracer = None if self._trace is None else self._trace.get_tracer(SCOPE, tracer_provider=provider)

    @contextmanager
    def span(
        self, name: str, attributes: Attributes | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[Span]:
        """Yield a span that ends with the context; an exception marks it as failed.

        Args:
            name: its name.
            attributes: what is known at its beginning.
            headers: headers of the request in which the client's own span may be named.
        """
        if self._tracer is None:
            yield Span(None)
            return
        parent = self._propagate.extract(dict(headers)) if headers else None
        with self._tracer.start_as_current_span(name, context=parent, attributes=dict(attributes or {})) as span:
            yield Span(span)


class Span:
    """A span, or nothing where OpenTelemetry is missing."""

    def __init__(self, span: Any) -> None:
        self._span = span

    def set(self, attributes: Attributes) -> None:
        """Add what became known."""
        if self._span is not None:
            self._span.set_attributes(dict(attributes))


def export_spans() -> bool:
    """Send spans where `OTEL_EXPORTER_OTLP_ENDPOINT` says, if it is set and the extra `otel` is installed.

    Returns:
        Whether spans are sent.
    """
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return False
    sdk, export = _module("opentelemetry.sdk.trace"), _module("opentelemetry.sdk.trace.export")
    exporter = _module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    if sdk is None or export is None or exporter is None:
        return False
    provider = sdk.TracerProvider()  # takes OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
    provider.add_span_processor(export.BatchSpanProcessor(exporter.OTLPSpanExporter()))
    importlib.import_module("opentelemetry.trace").set_tracer_provider(provider)
    return True


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
