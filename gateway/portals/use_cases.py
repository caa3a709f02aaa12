"""What one can do with portals: each a command on one portal, or a read behind its wall.

A portal's clients, origins and points are the platform's to give: by an origin a page acts with a
person's session in all of her communities, and a client that is claimed first is another's no more.
So operators make portals and change these; all else its community's managers change as well.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence

from chassis.actors import MANAGER, Actor
from chassis.commands import Commands
from chassis.decisions import Decision, PartRef, Ref, Seen
from chassis.errors import (
    FieldInvalidError,
    RoleRequiredError,
    UnavailableError,
    check_version,
)
from chassis.pagination import MAX_PAGE_SIZE, Paging
from chassis.texts import check_name
from gateway.execution.operations import Operation, Operations
from gateway.portals.breaking import BrokenDocument, broken
from gateway.portals.converters import document_to_proto, portal_to_proto
from gateway.portals.known import KnownPortals
from gateway.portals.portal import (
    Client,
    Document,
    DocumentNotFoundError,
    DocumentRefusedError,
    DocumentsMode,
    Portal,
    PortalNotFoundError,
    check_clients,
    check_origins,
    check_points,
    id_of,
)
from gateway.portals.repository import PortalRepository, row_id
from guildhall.gateway.v1 import domain_events_pb2 as events
from guildhall.gateway.v1 import gateway_pb2 as pb

_MAX_NAME = 80
_MOST_REMEMBERED = 100  # portals of which the broken documents are


class PortalUseCases:
    """Commands and reads of portals and their documents."""

    def __init__(
        self,
        commands: Commands,
        repository: PortalRepository,
        known: KnownPortals,
        operations: Operations,
    ) -> None:
        self._commands = commands
        self._repository = repository
        self._known = known
        self._operations = operations
        self._schema = operations._schema  # noqa: SLF001 - graphql-core's own
        self._broken: dict[tuple[str, int], list[BrokenDocument]] = {}

    async def create_portal(
        self, actor: Actor, request: pb.CreatePortalRequest
    ) -> pb.CreatePortalResponse:
        """A new portal. The caller has made sure of the community."""
        actor.require_operator()
        portal_id = self._commands.new_id(actor, request)
        name = check_name(request.name, "name", most=_MAX_NAME)
        clients, origins = _clients(request.clients), check_origins(list(request.origins))
        points, mode = check_points(request.points_per_minute), _mode(request.documents_mode)

        def decide(seen: Seen[Portal]) -> Decision[Portal, pb.CreatePortalResponse]:
            portal = seen.state or Portal(
                id=portal_id,
                community_id=request.community_id,
                name=name,
                clients=clients,
                origins=origins,
                documents_mode=mode,
                introspection=request.introspection,
                points_per_minute=points,
                create_time=seen.now.time,
            )
            return Decision(
                portal,
                lambda version: pb.CreatePortalResponse(portal=portal_to_proto(portal, version)),
                [] if seen.state else [events.PortalCreated(portal_id=portal_id)],
            )

        target = self._repository.portals.ref(request.community_id, portal_id)
        answer = await self._commands.run(actor, request, target, decide)
        await self._refresh()
        return answer

    async def update_portal(
        self, actor: Actor, request: pb.UpdatePortalRequest
    ) -> pb.UpdatePortalResponse:
        """What is given changes; what is not stays."""
        target = self._owned(actor, request.community_id, request.portal_id)
        given = request.HasField
        changes = {
            "name": check_name(request.name, "name", most=_MAX_NAME) if given("name") else None,
            "clients": _clients(request.clients.clients) if given("clients") else None,
            "origins": check_origins(list(request.origins.origins)) if given("origins") else None,
            "documents_mode": _mode(request.documents_mode) if given("documents_mode") else None,
            "introspection": request.introspection if given("introspection") else None,
            "points_per_minute": (
                check_points(request.points_per_minute) if given("points_per_minute") else None
            ),
        }

        for field in ("clients", "origins", "points_per_minute"):
            if changes[field] is not None and not actor.operator:
                raise RoleRequiredError(f"{field} are changed by an OPERATOR only", field=field)

        def decide(seen: Seen[Portal]) -> Decision[Portal, pb.UpdatePortalResponse]:
            before = _found(seen, request.expected_version)
            portal = before.changed(**changes)
            said = [events.PortalUpdated(portal_id=portal.id)] if portal != before else []
            return Decision(
                portal,
                lambda version: pb.UpdatePortalResponse(portal=portal_to_proto(portal, version)),
                said,
            )

        answer = await self._commands.run(actor, request, target, decide)
        await self._refresh()
        return answer

    async def register_documents(
        self, actor: Actor, request: pb.RegisterDocumentsRequest
    ) -> pb.RegisterDocumentsResponse:
        """All of them or none; those that are registered stay as they are."""
        portal = self._owned(actor, request.community_id, request.portal_id)
        operations = self._executable(list(request.texts))
        refs = self._places(request.community_id, request.portal_id, operations)

        def decide(seen: Seen[Portal]) -> Decision[Portal, pb.RegisterDocumentsResponse]:
            before = _found(seen, request.expected_version)
            documents, new = [], []
            for document_id, (text, operation) in operations.items():
                document = seen.part(refs[document_id])
                if document is None or document.removed:
                    document = Document(
                        id=document_id,
                        community_id=before.community_id,
                        portal_id=before.id,
                        name=operation.name,
                        text=text,
                        cost=operation.price({}).cost,
                        register_time=seen.now.time,
                    )
                    new.append(document)
                documents.append(document_to_proto(document))
            after = before.counting(len(new))
            event = events.DocumentsRegistered(
                portal_id=before.id, document_ids=[document.id for document in new]
            )
            return Decision(
                after,
                lambda version: pb.RegisterDocumentsResponse(
                    portal=portal_to_proto(after, version), documents=documents
                ),
                [event] if new else [],
                parts=[refs[document.id].put(document) for document in new],
            )

        answer = await self._commands.run(actor, request, portal.having(*refs.values()), decide)
        await self._refresh()
        return answer

    def _executable(self, texts: Sequence[str]) -> dict[str, tuple[str, Operation]]:
        """Each text once by its id, looked up as for its execution. Refuses with DOCUMENT_REFUSED,
        which tells of all that are refused."""
        if not 1 <= len(texts) <= MAX_PAGE_SIZE:
            problem = f"documents must be 1 to {MAX_PAGE_SIZE}, there are {len(texts)}"
            raise FieldInvalidError(problem, field="documents")
        found, refused = {}, []
        for index, text in enumerate(texts):
            operation = self._operations.look_up(text)
            if isinstance(operation, Operation):
                found[id_of(text)] = (text, operation)
            else:
                why = "; ".join(str(error["message"]) for error in operation.errors)
                refused.append((f"documents.{index}", why))
        if refused:
            told = [f"{field}: {why}" for field, why in refused]
            raise DocumentRefusedError("\n".join(told), field=refused[0][0])
        return found

    async def remove_documents(
        self, actor: Actor, request: pb.RemoveDocumentsRequest
    ) -> pb.RemoveDocumentsResponse:
        """They are not executed any more; what is removed already stays so."""
        portal = self._owned(actor, request.community_id, request.portal_id)
        ids = list(dict.fromkeys(request.document_ids))
        if not 1 <= len(ids) <= MAX_PAGE_SIZE:
            problem = f"document_ids must be 1 to {MAX_PAGE_SIZE}"
            raise FieldInvalidError(problem, field="document_ids")
        refs = self._places(request.community_id, request.portal_id, ids)

        def decide(seen: Seen[Portal]) -> Decision[Portal, pb.RemoveDocumentsResponse]:
            before = _found(seen, request.expected_version)
            gone = []
            for ref in refs.values():
                document = seen.part(ref)
                if document is None:
                    raise DocumentNotFoundError(field="document_ids")
                if not document.removed:
                    gone.append((ref, document))
            after = before.counting(-len(gone))
            event = events.DocumentsRemoved(
                portal_id=before.id, document_ids=[document.id for _, document in gone]
            )
            return Decision(
                after,
                lambda version: pb.RemoveDocumentsResponse(portal=portal_to_proto(after, version)),
                [event] if gone else [],
                parts=[ref.put(document.withdrawn()) for ref, document in gone],
            )

        answer = await self._commands.run(actor, request, portal.having(*refs.values()), decide)
        await self._refresh()
        return answer

    async def get_portal(self, actor: Actor, community_id: str, portal_id: str) -> pb.Portal:
        """Refuses with PORTAL_NOT_FOUND, to others than its owners always."""
        self._owned(actor, community_id, portal_id)
        portal = await self._repository.get_portal(community_id, portal_id)
        return portal_to_proto(portal, portal.version)

    async def get_portals(
        self, actor: Actor, community_id: str, portal_ids: Sequence[str]
    ) -> list[pb.Portal]:
        """Those of them that there are. Refuses with PORTAL_NOT_FOUND, to others than owners."""
        for portal_id in portal_ids:
            self._owned(actor, community_id, portal_id)
        portals = await self._repository.list_portals_by_id(community_id, portal_ids)
        return [portal_to_proto(portal, portal.version) for portal in portals]

    async def list_portals(
        self, actor: Actor, request: pb.ListPortalsRequest
    ) -> pb.ListPortalsResponse:
        """A community's by name. Refuses with COMMUNITY_NOT_FOUND, ROLE_REQUIRED."""
        if not actor.operator:
            actor.require_role(request.community_id, MANAGER)
        paging = Paging.of(request, str, str)
        portals, token = await self._repository.list_portals(request.community_id, paging)
        return pb.ListPortalsResponse(
            portals=[portal_to_proto(portal, portal.version) for portal in portals],
            next_page_token=token,
        )

    async def list_documents(
        self, actor: Actor, request: pb.ListDocumentsRequest
    ) -> pb.ListDocumentsResponse:
        """A portal's by id."""
        self._owned(actor, request.community_id, request.portal_id)
        documents, token = await self._repository.list_documents(
            request.community_id, request.portal_id, Paging.of(request, str)
        )
        return pb.ListDocumentsResponse(
            documents=[document_to_proto(document) for document in documents],
            next_page_token=token,
        )

    async def broken_documents(
        self, actor: Actor, community_id: str, portal_id: str
    ) -> Sequence[BrokenDocument]:
        """Those that this process's schema breaks: found out once for every portal's version."""
        self._owned(actor, community_id, portal_id)
        portal = await self._repository.get_portal(community_id, portal_id)
        key = (portal.id, portal.version)
        found = self._broken.get(key)
        if found is None:
            documents = await self._repository.all_documents(portal)
            found = await broken(self._schema, documents)
            if len(self._broken) >= _MOST_REMEMBERED:
                self._broken.clear()
            self._broken[key] = found
        return found

    def _owned(self, actor: Actor, community_id: str, portal_id: str) -> Ref[Portal]:
        """Where a portal is, for those who may know of it. Refuses with PORTAL_NOT_FOUND."""
        if not actor.operator and not actor.has_role(community_id, MANAGER):
            raise PortalNotFoundError(field="portal_id")
        return self._repository.portals.ref(community_id, portal_id)

    def _places(
        self, community_id: str, portal_id: str, ids: Iterable[str]
    ) -> dict[str, PartRef[Document]]:
        """Where a portal's documents are, or would be."""
        ref = self._repository.documents.ref
        return {each: ref(community_id, row_id(portal_id, each)) for each in ids}

    async def _refresh(self) -> None:
        """This replica knows at once; the change is done whatever becomes of that."""
        with contextlib.suppress(UnavailableError):
            await self._known.refresh()


def _found(seen: Seen[Portal], expected_version: int) -> Portal:
    if seen.state is None:
        raise PortalNotFoundError(field="portal_id")
    check_version(seen.seq, expected_version)
    return seen.state


def _clients(clients: Sequence[pb.Client]) -> tuple[Client, ...]:
    return check_clients([Client(client.issuer, client.client_id) for client in clients])


def _mode(number: int) -> DocumentsMode:
    try:
        return DocumentsMode(number)
    except ValueError:
        raise FieldInvalidError("documents_mode is none", field="documents_mode") from None
