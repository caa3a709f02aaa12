"""Refusals: expected errors, named by the fact, each mapped once to a gRPC status."""

from __future__ import annotations

import re


class DomainError(Exception):
    """A refusal. Subclasses are named noun + fact + Error; the reason is that name in capitals.

    `field` names the request field at fault, as `title` or `posts.12.body`; the message is for
    people.
    """

    status = "FAILED_PRECONDITION"

    def __init__(self, message: str = "", *, field: str = "", retry_after: float = 0.0) -> None:
        super().__init__(message or self.sentence())
        self.field = field
        self.retry_after = retry_after  # seconds; 0: do not retry

    @classmethod
    def reason(cls) -> str:
        """TopicLockedError -> TOPIC_LOCKED; what clients branch on."""
        name = cls.__name__.removesuffix("Error")
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).upper()

    @classmethod
    def sentence(cls) -> str:
        """The reason as words, where the raiser says nothing better."""
        return cls.reason().replace("_", " ").capitalize()


class InvalidArgumentError(DomainError):
    """The request itself is wrong, whatever the state."""

    status = "INVALID_ARGUMENT"


class NotFoundError(DomainError):
    """There is no such thing, or the caller may not know that there is."""

    status = "NOT_FOUND"


class AlreadyExistsError(DomainError):
    """Something else has this name or place."""

    status = "ALREADY_EXISTS"


class FailedPreconditionError(DomainError):
    """The state does not allow it."""

    status = "FAILED_PRECONDITION"


class PermissionDeniedError(DomainError):
    """The caller may see the object but lacks the role."""

    status = "PERMISSION_DENIED"


class UnauthenticatedError(DomainError):
    """Nobody, or nobody we know, is calling."""

    status = "UNAUTHENTICATED"


class AbortedError(DomainError):
    """Somebody else was faster: read again, decide again."""

    status = "ABORTED"


class ResourceExhaustedError(DomainError):
    """Too much or too fast; `retry_after` says when to come back."""

    status = "RESOURCE_EXHAUSTED"


class PeerFailedError(DomainError):
    """Another part has failed at this request in a way nobody expected; repeating may not help."""

    status = "INTERNAL"


class UnavailableError(DomainError):
    """A part we need does not answer; nothing was changed."""

    status = "UNAVAILABLE"


class TextInvalidError(InvalidArgumentError):
    """A text is empty, too long, or holds characters that no text may hold."""


class FieldInvalidError(InvalidArgumentError):
    """A field's value is none of the allowed ones."""


class RequestUnreadableError(InvalidArgumentError):
    """The bytes are not the message that this RPC takes."""


class PageTokenInvalidError(InvalidArgumentError):
    """The page token is not one that this list gave."""


class RequestIdInvalidError(InvalidArgumentError):
    """A write needs a request_id of 8 to 128 visible ASCII characters."""


class RequestIdReusedError(InvalidArgumentError):
    """The request_id was used before for another request."""


class ReasonRequiredError(InvalidArgumentError):
    """This needs a reason."""


class RoleRequiredError(PermissionDeniedError):
    """The caller lacks the role for this."""


class VersionStaleError(AbortedError):
    """The object has changed since the version the caller expects."""


class CommunityNotFoundError(NotFoundError):
    """There is no such community, or the caller is not in it."""


class TooBusyError(ResourceExhaustedError):
    """More waits than can be done in time."""


class OutcomeUnknownError(UnavailableError):
    """The commit's answer was lost and time is up: repeat with the same request_id."""


def check_version(actual: int, expected: int) -> None:
    """Refuse a write that was decided on an older version; 0 expects nothing."""
    if expected and expected != actual:
        raise VersionStaleError(
            f"expected version {expected}, it is {actual}", field="expected_version"
        )
