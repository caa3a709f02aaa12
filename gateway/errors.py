"""Refusals and failures as GraphQL errors: every error has a code, and nothing inside leaks out."""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Iterable
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError
from opentelemetry.trace import Span

from chassis.errors import (
    DomainError,
    FailedPreconditionError,
    InvalidArgumentError,
    PeerFailedError,
)
from chassis.rpc_status import reason_of

Json = dict[str, Any]
_log = logging.getLogger(__name__)

PARSE_FAILED, VALIDATION_FAILED = "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"
BAD_USER_INPUT, INTERNAL, UNAUTHENTICATED = "BAD_USER_INPUT", "INTERNAL", "UNAUTHENTICATED"
POST_NOT_FOUND = "POST_NOT_FOUND"  # of a postId, whether it names a topic or a reply
# Where the library's messages show a value that was sent: it may be anybody's name or address, and
# clients log what they are told.
_VALUES = (
    (re.compile(r"[,;.] [Ff]ound: .*", re.DOTALL), "."),
    (re.compile(r"(?<='\?) Found: .*", re.DOTALL), ""),  # behind a suggestion
    (re.compile(r"(cannot represent [a-z0-9 -]*value): .*", re.DOTALL), r"\1."),
    (re.compile(r"Value '.*' does not exist", re.DOTALL), "The value does not exist"),
    (re.compile(r"(Unexpected|found) ((?:Block)?String|Int|Float) '.*'", re.DOTALL), r"\1 \2"),
)
_MAX_ERRORS = 50
_MAX_MESSAGE = 500


class BadUserInputError(InvalidArgumentError):
    """An argument is not what its description asks for; `field` names it as the schema does."""


class OperationTimeoutError(DomainError):
    """The operation took longer than it may; what it asked for may have happened."""

    status = "DEADLINE_EXCEEDED"


class RpcBudgetExceededError(FailedPreconditionError):
    """The operation needs more calls of services than one request may make."""

    def __init__(self, actual: int, most: int) -> None:
        super().__init__(
            f"the operation needs more than {most} calls of services: ask for less at once"
        )
        self.limit = {"limit": "calls of services", "maximum": most, "actual": actual}


def camel(field: str) -> str:
    """A request field as the schema spells it: posts.12.external_id -> posts.12.externalId."""
    return re.sub(r"_([a-z0-9])", lambda match: match.group(1).upper(), field)


def refusal(error: DomainError) -> Json:
    """The extensions of a refusal."""
    extensions: Json = {"code": reason_of(error)}
    if error.field:
        extensions["field"] = camel(error.field)
    if error.retry_after:
        extensions["retryAfter"] = error.retry_after
    if isinstance(error, RpcBudgetExceededError):
        extensions |= error.limit
    return extensions


def told(error: DomainError) -> str:
    """A refusal's sentence, its field spelled as the schema does."""
    sentence = str(error)
    if error.field and (spelled := camel(error.field)) != error.field:
        sentence = re.sub(rf"(?<!\w){re.escape(error.field)}(?!\w)", spelled, sentence)
    return sentence[:_MAX_MESSAGE]


def request_error(message: str, code: str, **extensions: Any) -> Json:
    """An error of the request as a whole: nothing was executed."""
    return {"message": message[:_MAX_MESSAGE], "extensions": {"code": code, **extensions}}


def without_values(message: str) -> str:
    """A message of the library's that names types and fields, and shows nothing that was sent."""
    for shown, instead in _VALUES:
        message = shown.sub(instead, message)
    return message


def before_execution(errors: Iterable[GraphQLError], code: str) -> list[Json]:
    """Errors of a document or its variables."""
    return [_document_error(error, code) for error in list(errors)[:_MAX_ERRORS]]


def _document_error(error: GraphQLError, code: str) -> Json:
    formatted: Json = {"message": without_values(error.message)[:_MAX_MESSAGE]}
    if error.locations:
        formatted["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if isinstance(error, GraphQLSyntaxError):
        code = PARSE_FAILED
    formatted["extensions"] = {"code": code, **(error.extensions or {})}
    return formatted


def of_execution(errors: Iterable[GraphQLError], trace_id: str) -> list[Json]:
    """Errors of fields: refusals by their reason, all else masked and logged once by its trace."""
    return [_field_error(error, trace_id) for error in list(errors)[:_MAX_ERRORS]]


def _field_error(error: GraphQLError, trace_id: str) -> Json:
    formatted: Json = {"message": without_values(error.message)[:_MAX_MESSAGE]}
    if error.path:
        formatted["path"] = list(error.path)
    original = _origin(error)
    if isinstance(original, DomainError) and not isinstance(original, PeerFailedError):
        formatted["message"] = told(original)
        formatted["extensions"] = refusal(original)
    elif original is None and (error.path is None or error.message.startswith("Argument ")):
        # the library's own: a variable's null where an argument takes none
        formatted["extensions"] = {"code": BAD_USER_INPUT, **(error.extensions or {})}
    else:
        formatted |= masked(original or error, trace_id)
    return formatted


def _origin(error: GraphQLError) -> BaseException | None:
    """What a resolver raised, below the library's wrappers."""
    original: BaseException | None = error.original_error
    while isinstance(original, GraphQLError):
        original = original.original_error
    return original


def trace_id_of(span: Span | None = None) -> str:
    """What answer and log name it by: the span's own, or a new one where nothing is traced."""
    if span is not None and (context := span.get_span_context()).is_valid:
        return f"{context.trace_id:032x}"
    return f"{random.getrandbits(128):032x}"


def masked(error: BaseException, trace_id: str) -> Json:
    """An error nobody expected. Its text may hold anything: class and place are logged."""
    _log.error(
        "internal error",
        extra={"error": type(error).__name__, "at": _place(error), "request_trace_id": trace_id},
    )
    return {
        "message": "Internal error",
        "extensions": {"code": INTERNAL, "traceId": trace_id},
    }


def _place(error: BaseException) -> str:
    """The innermost frame, as module:line."""
    trace = error.__traceback__
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
