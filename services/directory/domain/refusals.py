"""What the directory refuses, named by the fact."""

from __future__ import annotations

from chassis.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
)


class PersonNotFoundError(NotFoundError):
    """There is no such person, or the caller may not know that there is."""


class PersonDeactivatedError(FailedPreconditionError):
    """The person can no longer act."""


class PersonActiveError(FailedPreconditionError):
    """The person is not deactivated."""


class IssuerUnknownError(FailedPreconditionError):
    """No company owns this issuer: nobody is provisioned from it."""


class IdentityTakenError(AlreadyExistsError):
    """The identity belongs to a person already."""

    def __init__(
        self, message: str = "", *, field: str = "identity_link", retry_after: float = 0.0
    ) -> None:
        super().__init__(message, field=field, retry_after=retry_after)


class IdentityNotFoundError(NotFoundError):
    """The person has no such identity."""


class IdentityUnlinkedError(FailedPreconditionError):
    """The identity was unlinked from the person it had provisioned: an operator must link it."""


class CompanyNotFoundError(NotFoundError):
    """There is no such company, or the caller may not know that there is."""


class CompanyNameTakenError(AlreadyExistsError):
    """Another company has this name, or one that reads the same."""

    def __init__(self, message: str = "", *, field: str = "name", retry_after: float = 0.0) -> None:
        super().__init__(message, field=field, retry_after=retry_after)


class IssuerTakenError(AlreadyExistsError):
    """Another company owns this issuer."""

    def __init__(
        self, message: str = "", *, field: str = "issuer", retry_after: float = 0.0
    ) -> None:
        super().__init__(message, field=field, retry_after=retry_after)


class NotAVendorError(FailedPreconditionError):
    """Only a vendor has communities."""


class CommunitySlugTakenError(AlreadyExistsError):
    """Another community has this slug."""

    def __init__(self, message: str = "", *, field: str = "slug", retry_after: float = 0.0) -> None:
        super().__init__(message, field=field, retry_after=retry_after)


class EnrolmentNotFoundError(NotFoundError):
    """There is no such enrolment in this community."""


class AlreadyEnrolledError(AlreadyExistsError):
    """The company is in this community."""


class CapabilitiesInvalidError(InvalidArgumentError):
    """At most 20, each spelled as a tag may be, none that only looks like another."""


class CompanyNotEnrolledError(FailedPreconditionError):
    """The person's company is not in this community now."""


class AlreadyAffiliatedError(FailedPreconditionError):
    """The person works for this company now."""


class MemberNotFoundError(NotFoundError):
    """There is no such member, now or formerly."""


class MemberFormerError(FailedPreconditionError):
    """The membership has ended."""


class AlreadyMemberError(AlreadyExistsError):
    """The person is a member of this community."""


class RoleNotGrantableError(PermissionDeniedError):
    """Only people of the vendor can be MANAGER."""


class LastManagerError(FailedPreconditionError):
    """Without this member nobody would manage the community: only OPERATOR may do that."""
