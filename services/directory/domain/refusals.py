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


class GroupNotFoundError(NotFoundError):
    """There is no such group, or the caller may not know that there is."""


class GroupNameTakenError(AlreadyExistsError):
    """Another group of the community has this name, or one that reads the same."""

    def __init__(self, message: str = "", *, field: str = "name", retry_after: float = 0.0) -> None:
        super().__init__(message, field=field, retry_after=retry_after)


class GroupRuleInvalidError(InvalidArgumentError):
    """A group that is joined by rule needs one, and no other has one."""


class GroupArchivedError(FailedPreconditionError):
    """The group has ended."""


class GroupNotOpenError(FailedPreconditionError):
    """One cannot join this group by oneself."""


class GroupMemberNotFoundError(NotFoundError):
    """The person is not in the group, or the caller may not know that they are."""


class GroupMemberByRuleError(FailedPreconditionError):
    """The group's rule took this member in, or would again: only excluding them ends that."""


class GroupMemberStateInvalidError(FailedPreconditionError):
    """How the person stands to the group does not allow it."""


class AlreadyGroupMemberError(AlreadyExistsError):
    """The person is in the group."""


class GroupInvitationNotFoundError(NotFoundError):
    """There is no invitation, or it has expired."""


class GroupRequestNotFoundError(NotFoundError):
    """The person has not asked to come in."""


class GroupMemberSuspendedError(FailedPreconditionError):
    """The person's membership of the group is suspended."""


class GroupMemberExcludedError(FailedPreconditionError):
    """The person is excluded from the group."""


class LastOwnerError(FailedPreconditionError):
    """Without this member nobody would own the group: only MANAGER may do that."""


class TooManyGroupsError(FailedPreconditionError):
    """A community, or a person in it, has no more groups than this."""
