"""Refusals on the wire: class -> gRPC status with google.rpc details, and back."""

from __future__ import annotations

from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode

from chassis import errors
from chassis.errors import DomainError

DETAILS = "grpc-status-details-bin"
DOMAIN = "guildhall"
_KNOWN: dict[str, type[DomainError]] = {
    kind.reason(): kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, DomainError)
}


class RemoteRefusalError(DomainError):
    """Another service's refusal that only it has a class for; `remote_reason` is its reason."""

    def __init__(
        self, reason: str, status: str, message: str, *, field: str = "", retry_after: float = 0
    ) -> None:
        super().__init__(message, field=field, retry_after=retry_after)
        self.remote_reason = reason
        self.status = status


def reason_of(refusal: DomainError) -> str:
    """The reason, whoever refused."""
    if isinstance(refusal, RemoteRefusalError):
        return refusal.remote_reason
    return refusal.reason()


def code_of(refusal: DomainError) -> StatusCode:
    """The gRPC status code of a refusal."""
    return StatusCode[refusal.status]


def pack(refusal: DomainError) -> bytes:
    """A refusal as google.rpc.Status with ErrorInfo, BadRequest and RetryInfo."""
    info = error_details_pb2.ErrorInfo(reason=reason_of(refusal), domain=DOMAIN)
    status = status_pb2.Status(code=code_of(refusal).value[0], message=str(refusal))
    if refusal.field:
        info.metadata["field"] = refusal.field
    status.details.append(_any(info))
    if refusal.field:
        bad = error_details_pb2.BadRequest()
        bad.field_violations.add(field=refusal.field, description=str(refusal))
        status.details.append(_any(bad))
    if refusal.retry_after:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(int(refusal.retry_after * 1000))
        status.details.append(_any(retry))
    packed: bytes = status.SerializeToString()
    return packed


def unpack(code: StatusCode, details: bytes | None) -> DomainError | None:
    """The refusal behind a failed call; None where it is none of ours."""
    if not details:
        return None
    status = status_pb2.Status.FromString(details)
    reason = field = ""
    retry_after = 0.0
    for detail in status.details:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo()
            detail.Unpack(info)
            if info.domain != DOMAIN:
                return None
            reason, field = info.reason, info.metadata.get("field", "")
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = error_details_pb2.RetryInfo()
            detail.Unpack(retry)
            retry_after = retry.retry_delay.ToMilliseconds() / 1000
    if not reason:
        return None
    if (known := _KNOWN.get(reason)) is not None and known.status == code.name:
        return known(status.message, field=field, retry_after=retry_after)
    return RemoteRefusalError(
        reason, code.name, status.message, field=field, retry_after=retry_after
    )


def _any(detail: error_details_pb2.ErrorInfo) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed
