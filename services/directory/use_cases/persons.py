"""What is done to persons. Each method is one atomic command."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import replace

from chassis.actors import Actor
from chassis.commands import Commands
from chassis.decisions import PLATFORM, Decision, Ref, Seen
from chassis.errors import RequestIdReusedError, RoleRequiredError, check_version
from chassis.texts import check_reason
from guildhall.directory.v1 import directory_pb2 as pb
from guildhall.directory.v1 import domain_events_pb2 as events
from services.directory.converters import (
    actor_to_proto,
    links_of,
    membership_events,
    person_to_proto,
)
from services.directory.domain import fields
from services.directory.domain.person import (
    IdentityLink,
    Person,
    check_link,
    check_subject,
    provision,
    provisioned_id,
)
from services.directory.domain.refusals import (
    CompanyNotFoundError,
    IdentityTakenError,
    IdentityUnlinkedError,
    IssuerUnknownError,
    PersonNotFoundError,
)
from services.directory.repository import DirectoryRepository
from services.directory.use_cases.changes import DIRECTORY, Trail, action_of, change_person, utc_now

_CHANGEABLE = {
    "display_name": fields.check_name,
    "email": fields.check_email,
    "time_zone": fields.check_time_zone,
    "locale": fields.check_locale,
}


class PersonUseCases:
    """Persons: provisioned, changed, moved, deactivated."""

    def __init__(self, commands: Commands, repository: DirectoryRepository) -> None:
        self._commands = commands
        self._repository = repository

    async def sign_in(self, actor: Actor, request: pb.SignInRequest) -> pb.SignInResponse:
        """The answer is the actor as of now, also where the request is repeated."""
        actor.require_service("gateway")
        link = IdentityLink(request.issuer, check_subject(request.subject, "subject"))
        await self._commands.replay(actor, request)  # refuses a request_id that is none, or reused
        if await self._repository.find_person_of(link) is None:
            with suppress(IdentityTakenError):  # linked to somebody just now: they sign in
                await self._provision(actor, request, link)
        resolved, version = await self._repository.resolve_actor(link, utc_now())
        return pb.SignInResponse(actor=actor_to_proto(resolved, version))

    async def _provision(self, actor: Actor, request: pb.SignInRequest, link: IdentityLink) -> None:
        company = await self._repository.find_company_of(link.issuer)
        if company is None:
            raise IssuerUnknownError(field="issuer")
        communities = await self._repository.list_auto_joins(company.id, utc_now())

        def decide(seen: Seen[Person]) -> Decision[Person, pb.SignInResponse]:
            if seen.state is not None:
                if link not in seen.state.identity_links:
                    raise IdentityUnlinkedError(field="subject")
                return Decision(seen.state, lambda _: pb.SignInResponse())
            person = provision(
                link,
                fields.claimed_name(request.display_name),
                fields.claimed_email(request.email),
                company.id,
                communities,
                seen.now.time,
            )
            said = [events.PersonCreated(person_id=person.id), *membership_events(None, person)]
            trail = Trail(actor, action_of(request))
            return change_person(seen, person, said, lambda *_: pb.SignInResponse(), trail)

        await self._commands.run(actor, request, self._ref(provisioned_id(link)), decide)

    async def bootstrap_operator(self, identity: str) -> None:
        """Somebody who runs a fresh platform: "<issuer> <subject>". May run at every start."""
        if not identity:
            return
        issuer, _, subject = identity.partition(" ")
        link = check_link(issuer, subject, "bootstrap_operator")
        found = await self._repository.find_person_of(link)
        if found is not None and found[0].operator:
            return
        person_id = found[0].id if found else provisioned_id(link)
        trail = Trail(DIRECTORY, "BootstrapOperator")

        def decide(seen: Seen[Person]) -> Decision[Person, pb.SignInResponse]:
            person = seen.state or Person(
                person_id, "Operator", "", seen.now.time, identity_links=(link,)
            )
            if link not in person.identity_links:
                person = person.link(link)
            person = replace(person, operator=True)
            event = (
                events.PersonUpdated(person_id=person_id, community_ids=person.community_ids)
                if seen.state
                else events.PersonCreated(person_id=person_id)
            )
            return change_person(seen, person, [event], lambda *_: pb.SignInResponse(), trail)

        request = pb.SignInRequest(request_id=uuid.uuid4().hex, issuer=issuer, subject=subject)
        await self._commands.run(DIRECTORY, request, self._ref(person_id), decide)

    async def create_person(
        self, actor: Actor, request: pb.CreatePersonRequest
    ) -> pb.CreatePersonResponse:
        """By hand, with any identities that are nobody's."""
        actor.require_operator()
        name = fields.check_name(request.display_name, "display_name")
        email = fields.check_email(request.email, "email")
        links = links_of(request.identity_links)
        company = await self._repository.find_company(request.company_id)
        owners = [await self._repository.find_person_of(link) for link in links]
        person_id = self._commands.new_id(actor, request)

        def decide(seen: Seen[Person]) -> Decision[Person, pb.CreatePersonResponse]:
            if seen.state is not None:
                raise RequestIdReusedError(field="request_id")
            if company is None:
                raise CompanyNotFoundError(field="company_id")
            person = Person(person_id, name, email, seen.now.time)
            for i, (link, owner) in enumerate(zip(links, owners, strict=True)):
                if owner is not None:
                    raise IdentityTakenError(field=f"identity_links.{i}")
                person = person.link(link)
            return change_person(
                seen,
                person.affiliate(company.id, seen.now.time),
                [events.PersonCreated(person_id=person_id)],
                lambda after, version: pb.CreatePersonResponse(
                    person=person_to_proto(after, version)
                ),
                Trail(actor, action_of(request)),
            )

        return await self._commands.run(actor, request, self._ref(person_id), decide)

    async def update_person(
        self, actor: Actor, request: pb.UpdatePersonRequest
    ) -> pb.UpdatePersonResponse:
        """By OPERATOR; all but the e-mail by the person as well."""
        if not actor.operator:
            if request.person_id != actor.person_id:
                raise PersonNotFoundError(field="person_id")
            if request.HasField("email"):
                raise RoleRequiredError("the e-mail needs the role OPERATOR", field="email")
        changes = {
            field: check(getattr(request, field), field)
            for field, check in _CHANGEABLE.items()
            if request.HasField(field)  # type: ignore[arg-type]  # one of the four
        }

        def decide(seen: Seen[Person]) -> Decision[Person, pb.UpdatePersonResponse]:
            person = _existing(seen.state)
            check_version(seen.seq, request.expected_version)
            return change_person(
                seen,
                replace(person, **changes),  # type: ignore[arg-type]  # all texts
                [events.PersonUpdated(person_id=person.id, community_ids=person.community_ids)],
                lambda after, version: pb.UpdatePersonResponse(
                    person=person_to_proto(after, version)
                ),
                Trail(actor, action_of(request)),
            )

        return await self._commands.run(actor, request, self._ref(request.person_id), decide)

    async def link_identity(
        self, actor: Actor, request: pb.LinkIdentityRequest
    ) -> pb.LinkIdentityResponse:
        """Whose the identity is already is told by the unique index."""
        actor.require_operator()
        link = check_link(
            request.identity_link.issuer, request.identity_link.subject, "identity_link"
        )

        def decide(seen: Seen[Person]) -> Decision[Person, pb.LinkIdentityResponse]:
            person = _existing(seen.state)
            check_version(seen.seq, request.expected_version)
            return change_person(
                seen,
                person.link(link),
                [events.IdentityLinksChanged(person_id=person.id)],
                lambda after, version: pb.LinkIdentityResponse(
                    person=person_to_proto(after, version)
                ),
                Trail(actor, action_of(request)),
            )

        return await self._commands.run(actor, request, self._ref(request.person_id), decide)

    async def unlink_identity(
        self, actor: Actor, request: pb.UnlinkIdentityRequest
    ) -> pb.UnlinkIdentityResponse:
        """Who signs in with it afterwards is nobody, until it is linked again."""
        actor.require_operator()
        link = IdentityLink(request.identity_link.issuer, request.identity_link.subject)

        def decide(seen: Seen[Person]) -> Decision[Person, pb.UnlinkIdentityResponse]:
            person = _existing(seen.state)
            check_version(seen.seq, request.expected_version)
            return change_person(
                seen,
                person.unlink(link),
                [events.IdentityLinksChanged(person_id=person.id)],
                lambda after, version: pb.UnlinkIdentityResponse(
                    person=person_to_proto(after, version)
                ),
                Trail(actor, action_of(request)),
            )

        return await self._commands.run(actor, request, self._ref(request.person_id), decide)

    async def move_person(
        self, actor: Actor, request: pb.MovePersonRequest
    ) -> pb.MovePersonResponse:
        """Rights move with this one command."""
        actor.require_operator()
        company = await self._repository.find_company(request.company_id)
        communities = await self._repository.list_auto_joins(request.company_id, utc_now())

        def decide(seen: Seen[Person]) -> Decision[Person, pb.MovePersonResponse]:
            person = _existing(seen.state)
            if company is None:
                raise CompanyNotFoundError(field="company_id")
            check_version(seen.seq, request.expected_version)
            moved = person.move(company.id, communities, seen.now.time)
            said = [
                events.PersonMoved(
                    person_id=person.id,
                    from_company_id=person.company_at(seen.now.time),
                    to_company_id=company.id,
                ),
                *membership_events(person, moved),
            ]
            return change_person(
                seen,
                moved,
                said,
                lambda after, version: pb.MovePersonResponse(
                    person=person_to_proto(after, version)
                ),
                Trail(actor, action_of(request)),
            )

        return await self._commands.run(actor, request, self._ref(request.person_id), decide)

    async def deactivate_person(
        self, actor: Actor, request: pb.DeactivatePersonRequest
    ) -> pb.DeactivatePersonResponse:
        """No keys from now on; memberships are kept for a return."""
        actor.require_operator()
        reason = check_reason(request.reason)

        def decide(seen: Seen[Person]) -> Decision[Person, pb.DeactivatePersonResponse]:
            person = _existing(seen.state)
            check_version(seen.seq, request.expected_version)
            return change_person(
                seen,
                person.deactivate(),
                [events.PersonDeactivated(person_id=person.id, community_ids=person.community_ids)],
                lambda after, version: pb.DeactivatePersonResponse(
                    person=person_to_proto(after, version)
                ),
                Trail(actor, action_of(request), reason),
            )

        return await self._commands.run(actor, request, self._ref(request.person_id), decide)

    async def reactivate_person(
        self, actor: Actor, request: pb.ReactivatePersonRequest
    ) -> pb.ReactivatePersonResponse:
        """The same person, with the memberships of before."""
        actor.require_operator()

        def decide(seen: Seen[Person]) -> Decision[Person, pb.ReactivatePersonResponse]:
            person = _existing(seen.state)
            check_version(seen.seq, request.expected_version)
            return change_person(
                seen,
                person.reactivate(),
                [events.PersonReactivated(person_id=person.id, community_ids=person.community_ids)],
                lambda after, version: pb.ReactivatePersonResponse(
                    person=person_to_proto(after, version)
                ),
                Trail(actor, action_of(request)),
            )

        return await self._commands.run(actor, request, self._ref(request.person_id), decide)

    def _ref(self, person_id: str) -> Ref[Person]:
        return self._repository.persons.ref(PLATFORM, person_id)


def _existing(person: Person | None) -> Person:
    if person is None:
        raise PersonNotFoundError(field="person_id")
    return person
