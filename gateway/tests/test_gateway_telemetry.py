"""One span a request, continued from the caller and into every RPC; its trace id in the answer."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis import telemetry
from gateway.tests.conftest import House


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "tracer", provider.get_tracer("test"))
    return exporter


def trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


async def test_a_request_is_one_trace_from_the_caller_to_the_services(
    house: House, spans: InMemorySpanExporter
) -> None:
    trace_id, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    query = 'query Look { topic(id: "VG9waWM6YzE6dDE") { title space { name } } }'
    response = await house.post(query, traceparent=f"00-{trace_id}-{parent}-01")
    assert response.headers["x-trace-id"] == trace_id
    finished = spans.get_finished_spans()
    assert {trace_of(span) for span in finished} == {trace_id}
    request = next(span for span in finished if span.name == "POST /graphql")
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == parent
    assert request.kind.name == "SERVER"
    assert dict(request.attributes or {}) == {
        "graphql.operation.type": "query",
        "graphql.operation.name": "Look",
        "http.response.status_code": 200,
    }
    rpcs = [span.name for span in finished if span is not request and span.kind.name == "SERVER"]
    assert len(rpcs) == 3  # ResolveActor, GetTopic, BatchGetSpaces


async def test_nothing_that_was_said_stands_in_a_span(
    house: House, spans: InMemorySpanExporter
) -> None:
    marker = "m4rk3r"
    await house.ask(
        "query q($c: ID!, $t: String) { topics(communityId: $c, first: 1, tag: $t) "
        "{ edges { node { title } } } }",
        {"c": "Q29tbXVuaXR5OmMxOmMx", "t": marker},
    )
    await house.ask(f'{{ topic(id: "{marker}") {{ title }} }}')
    text = " ".join(span.to_json() for span in spans.get_finished_spans())
    assert marker not in text
    assert "engineer@" not in text
    assert "Edda" not in text


@pytest.mark.parametrize("parent", ["", "x", "00-0-0-0", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
async def test_a_bad_traceparent_begins_a_new_trace(
    house: House, spans: InMemorySpanExporter, parent: str
) -> None:
    response = await house.post("{ viewer { isOperator } }", traceparent=parent)
    assert response.status_code == 200
    trace_id = response.headers["x-trace-id"]
    assert trace_id != "0" * 32
    request = next(s for s in spans.get_finished_spans() if s.name == "POST /graphql")
    assert trace_of(request) == trace_id
