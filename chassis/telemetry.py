"""Traces, metrics and logs; the one list of metric names. A name not on the list is not used."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue
from prometheus_client import Counter, Gauge, Histogram, start_http_server
from pythonjsonlogger.orjson import OrjsonFormatter

TRACE_PARENT = "traceparent"
_propagator = TraceContextTextMapPropagator()
tracer = trace.get_tracer("guildhall")

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)

# gRPC and commands
RPC_SECONDS = Histogram(
    "guildhall_rpc_seconds", "RPCs served", ["method", "code"], buckets=_SECONDS
)
COMMANDS = Counter("guildhall_commands_total", "Commands by outcome", ["outcome"])
COMMAND_SECONDS = Histogram(
    "guildhall_command_seconds", "From asked to committed", buckets=_SECONDS
)
TRANSACTION_COMMANDS = Histogram(
    "guildhall_transaction_commands",
    "Commands that shared a transaction",
    buckets=(1, 2, 4, 8, 16, 32, 64),
)

# outbox and bus
OUTBOX_PENDING = Gauge("guildhall_outbox_pending", "Domain events not yet on the bus")
OUTBOX_OLDEST_SECONDS = Gauge("guildhall_outbox_oldest_seconds", "Age of the oldest of them")
OUTBOX_ASIDE = Counter(
    "guildhall_outbox_aside_total", "Domain events that are too large for the bus"
)
STREAM_REGRESSIONS = Counter(
    "guildhall_stream_regressions_total", "Times the stream was behind the outbox"
)
CONSUMER_LAG = Gauge("guildhall_consumer_lag", "Messages not yet acknowledged", ["consumer"])
EVENTS_HEARD = Counter(
    "guildhall_domain_events_heard_total", "Domain events by result", ["consumer", "result"]
)
HEALS = Counter("guildhall_heals_total", "Missing domain events found", ["consumer", "source"])
FORKS = Counter("guildhall_forks_total", "Two domain events with one seq", ["consumer"])
DEAD_LETTERS = Gauge("guildhall_dead_letters", "Parked domain events", ["consumer"])

# mails and webhooks
MAILS = Counter("guildhall_mails_total", "Mails by what became of an attempt", ["outcome"])
MAILS_QUEUED = Gauge("guildhall_mails_queued", "Mails that are to be sent, now or later")
MAILS_OLDEST_SECONDS = Gauge("guildhall_mails_oldest_seconds", "How long the oldest has waited")
WEBHOOK_DELIVERIES = Counter(
    "guildhall_webhook_deliveries_total", "Deliveries by what became of an attempt", ["outcome"]
)
WEBHOOK_DELIVERIES_QUEUED = Gauge(
    "guildhall_webhook_deliveries_queued", "Deliveries that are to be sent, now or later"
)
WEBHOOK_DELIVERIES_OLDEST_SECONDS = Gauge(
    "guildhall_webhook_deliveries_oldest_seconds", "How long the oldest has waited"
)

# gateway
HTTP_SECONDS = Histogram(
    "guildhall_http_seconds", "HTTP requests", ["route", "status"], buckets=_SECONDS
)
OPERATIONS = Counter("guildhall_operation_cache_total", "Operation cache look-ups", ["result"])
RATE_LIMITED = Counter("guildhall_rate_limited_total", "Operations over their points", ["kind"])
SHED = Counter("guildhall_shed_total", "Operations that were too dear in a crowd")
DEOPTIMISED = Counter(
    "guildhall_deoptimised_total", "Parts of answers that were not what their function is for"
)
ACTORS = Counter("guildhall_actor_cache_total", "Actor cache look-ups", ["result"])
DIRECTORY_ROWS = Counter(
    "guildhall_directory_cache_total", "Members and companies looked up in the cache", ["result"]
)
SUBSCRIPTIONS = Gauge("guildhall_subscriptions", "Subscriptions under way")
CONNECTIONS_ENDED = Counter(
    "guildhall_connections_ended_total", "Sockets and streams that we ended", ["reason"]
)


class _WithTrace(logging.Filter):
    """Adds the trace and span id under way, so that a log line leads to its trace."""

    def filter(self, record: logging.LogRecord) -> bool:
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            record.trace_id = f"{context.trace_id:032x}"
            record.span_id = f"{context.span_id:016x}"
        return True


def start(
    service: str, *, otlp_endpoint: str = "", sample_ratio: float = 1.0, metrics_listen: str = ""
) -> None:
    """Begin JSON logs on stderr, traces where an endpoint is given, metrics where an address is."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        OrjsonFormatter(
            "%(levelname)s %(name)s %(message)s",
            rename_fields={"levelname": "level", "name": "logger"},
            static_fields={"service": service},
            timestamp=True,
        )
    )
    handler.addFilter(_WithTrace())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in ("nats", "httpx2", "httpcore2", "opensearch", "pymongo", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    if otlp_endpoint:
        provider = TracerProvider(
            resource=Resource.create({"service.name": f"guildhall-{service}"}),
            sampler=ParentBased(TraceIdRatioBased(sample_ratio)),
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(endpoint=f"{otlp_endpoint.rstrip('/')}/v1/traces", timeout=2)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
        trace.set_tracer_provider(provider)
    if metrics_listen:
        host, _, port = metrics_listen.rpartition(":")
        start_http_server(int(port), addr=host)


def stop() -> None:
    """Send what spans are left; waits at most two seconds for a collector that does not answer."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.force_flush(2000)
        provider.shutdown()


def describe(error: BaseException) -> str:
    """An unexpected error for the log: its class and where, not its message or the lines of source.

    A message may hold what somebody wrote.
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{f.filename}:{f.lineno} {f.name}" for f in reversed(frames[-12:]))
    return f"{type(error).__name__} at {where}"


def current_trace_parent() -> str:
    """The W3C traceparent of the span under way; empty where there is none."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get(TRACE_PARENT, "")


def context_of(trace_parent: str) -> Context | None:
    """The remote context behind a traceparent, to be a span's parent."""
    return _propagator.extract({TRACE_PARENT: trace_parent}) if trace_parent else None


def _recording() -> bool:
    """Whether spans go anywhere."""
    provider = trace.get_tracer_provider()
    return type(tracer) is not trace.ProxyTracer or type(provider) is not trace.ProxyTracerProvider


@contextmanager
def span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    trace_parent: str | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Iterator[Span]:
    """A span under the current one, or under `trace_parent` where that is given.

    An exception marks it with the class's name only: messages may hold what people wrote.
    """
    if not trace_parent and not _recording():
        yield trace.get_current_span()  # what a span of nobody's would stand for
        return
    context = context_of(trace_parent) if trace_parent is not None else None
    with tracer.start_as_current_span(
        name,
        context=context,
        kind=kind,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
