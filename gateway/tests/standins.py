"""Stand-ins for the other services: real gRPC, canned rows, every call counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import aio

from chassis.actors import Actor, current_actor
from chassis.errors import CommunityNotFoundError, DomainError, NotFoundError
from chassis.pagination import PageRequest, clamp_page_size, encode_page_token
from guildhall.directory.v1 import directory_pb2
from guildhall.directory.v1.directory_pb2_grpc import (
    DirectoryServiceServicer,
    add_DirectoryServiceServicer_to_server,
)
from guildhall.forum.v1 import forum_pb2
from guildhall.forum.v1.forum_pb2_grpc import (
    ForumServiceServicer,
    add_ForumServiceServicer_to_server,
)

START = datetime(2026, 1, 1, tzinfo=UTC)


class PersonNotFoundError(NotFoundError):
    """As the directory's."""


class TopicNotFoundError(NotFoundError):
    """As the forum's."""


def time(minutes: int) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(START + timedelta(minutes=minutes))
    return stamp


def paged(
    request: PageRequest, rows: Sequence[Any], token: Callable[[Any], str]
) -> tuple[Sequence[Any], str]:
    """A page of rows, and the token of the row where it ends if there are more."""
    size, tokens = clamp_page_size(request.page_size), [token(row) for row in rows]
    if request.backward:
        end = tokens.index(request.page_token) if request.page_token else len(rows)
        begin = max(0, end - size)
        return rows[begin:end], tokens[begin] if begin else ""
    begin = tokens.index(request.page_token) + 1 if request.page_token else 0
    end = begin + size
    return rows[begin:end], tokens[end - 1] if end < len(rows) else ""


class _StandIn:
    """Counts its calls, and fails as it is told to."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.requests: list[Message] = []
        self.actors: list[Actor | None] = []
        self.failures: dict[str, Exception] = {}

    def called(self, name: str, request: Message) -> None:
        self.calls[name] += 1
        self.requests.append(request)
        self.actors.append(current_actor.get())
        if name in self.failures:
            raise self.failures[name]


class DirectoryStandIn(_StandIn, DirectoryServiceServicer):
    """Edda (p1) is a moderator of c1 for co1; whoever else has an even number works for co2."""

    def __init__(self) -> None:
        super().__init__()
        self.known = {"s1": "p1", "s2": "p2"}
        self.operators: set[str] = set()
        self.left: set[str] = set()  # who is in no community any more
        self.groups: dict[str, list[str]] = {}  # whose keys somebody holds in c1

    def actor(self, person_id: str) -> directory_pb2.Actor:
        return directory_pb2.Actor(
            person_id=person_id,
            display_name="Edda Engineer",
            operator=person_id in self.operators,
            memberships=[
                directory_pb2.Membership(
                    community_id="c1",
                    company_id="co1",
                    roles=[directory_pb2.ROLE_MEMBER, directory_pb2.ROLE_MODERATOR],
                    trust_level=directory_pb2.TRUST_LEVEL_BASIC,
                    keyring=[
                        "community:c1",
                        "company:co1@c1",
                        f"person:{person_id}",
                        *(f"group:{one}" for one in self.groups.get(person_id, ())),
                    ],
                )
            ]
            if person_id not in self.left
            else [],
        )

    async def ResolvePerson(self, request: Any, _context: Any) -> Any:
        self.called("ResolvePerson", request)
        return directory_pb2.ResolvePersonResponse(actor=self.actor(request.person_id))

    async def ResolveActor(self, request: Any, _context: Any) -> Any:
        self.called("ResolveActor", request)
        if request.subject not in self.known:
            raise PersonNotFoundError
        return directory_pb2.ResolveActorResponse(actor=self.actor(self.known[request.subject]))

    async def BatchResolveActors(self, request: Any, _context: Any) -> Any:
        self.called("BatchResolveActors", request)
        return directory_pb2.BatchResolveActorsResponse(
            identities=[
                directory_pb2.ResolvedIdentity(
                    identity_link=link, actor=self.actor(self.known[link.subject])
                )
                for link in request.identity_links
                if link.subject in self.known
            ]
        )

    async def SignIn(self, request: Any, _context: Any) -> Any:
        self.called("SignIn", request)
        person_id = self.known.setdefault(request.subject, f"p-{request.subject}")
        return directory_pb2.SignInResponse(actor=self.actor(person_id))

    async def GetPerson(self, request: Any, _context: Any) -> Any:
        self.called("GetPerson", request)
        return directory_pb2.GetPersonResponse(person=person(request.person_id))

    async def BatchGetPersons(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetPersons", request)
        return directory_pb2.BatchGetPersonsResponse(
            persons=[person(key) for key in request.person_ids if key == "p1"]
        )

    async def GetCommunity(self, request: Any, _context: Any) -> Any:
        self.called("GetCommunity", request)
        if request.community_id not in ("", "c1") or request.slug not in ("", "aurora"):
            raise CommunityNotFoundError
        return directory_pb2.GetCommunityResponse(community=community())

    async def BatchGetCommunities(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetCommunities", request)
        found = [community()] if "c1" in request.community_ids else []
        return directory_pb2.BatchGetCommunitiesResponse(communities=found)

    async def ListCommunities(self, request: Any, _context: Any) -> Any:
        self.called("ListCommunities", request)
        return directory_pb2.ListCommunitiesResponse(communities=[community()])

    async def BatchGetMembers(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetMembers", request)
        return directory_pb2.BatchGetMembersResponse(
            members=[member(key) for key in request.person_ids if key != "gone"]
        )

    async def ListMembers(self, request: Any, _context: Any) -> Any:
        self.called("ListMembers", request)
        return directory_pb2.ListMembersResponse(members=[member(f"p{n}") for n in range(1, 4)])

    async def UpdateCompany(self, request: Any, _context: Any) -> Any:
        self.called("UpdateCompany", request)
        return directory_pb2.UpdateCompanyResponse(company=company(request.company_id))

    async def BatchGetCompanies(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetCompanies", request)
        return directory_pb2.BatchGetCompaniesResponse(
            companies=[company(key) for key in request.company_ids if key.startswith("co")]
        )


def person(id: str) -> directory_pb2.Person:
    return directory_pb2.Person(
        id=id,
        display_name="Edda Engineer",
        email="engineer@kestrel.example",
        state=directory_pb2.PERSON_STATE_ACTIVE,
        create_time=time(0),
        version=3,
    )


def community() -> directory_pb2.Community:
    return directory_pb2.Community(
        id="c1",
        slug="aurora",
        name="Aurora",
        vendor_company_id="co9",
        create_time=time(0),
        version=1,
    )


def company(id: str) -> directory_pb2.Company:
    return directory_pb2.Company(
        id=id,
        kind=directory_pb2.COMPANY_KIND_PARTNER,
        name=f"Company {id}",
        create_time=time(0),
        version=1,
    )


def member(person_id: str) -> directory_pb2.Member:
    return directory_pb2.Member(
        community_id="c1",
        person_id=person_id,
        company_id="co1",
        display_name=f"Person {person_id}",
        roles=[directory_pb2.ROLE_MEMBER],
        trust_level=directory_pb2.TRUST_LEVEL_BASIC,
        state=directory_pb2.MEMBER_STATE_ACTIVE,
        join_time=time(0),
        version=1,
    )


class ForumStandIn(_StandIn, ForumServiceServicer):
    """45 topics of c1, newest activity first; every third has an accepted reply."""

    def __init__(self) -> None:
        super().__init__()
        self.topics = [topic(number) for number in range(45, 0, -1)]

    async def GetTopic(self, request: Any, _context: Any) -> Any:
        self.called("GetTopic", request)
        for row in self.topics:
            if row.id == request.topic_id and row.community_id == request.community_id:
                return forum_pb2.GetTopicResponse(topic=row)
        raise TopicNotFoundError

    async def BatchGetTopics(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetTopics", request)
        return forum_pb2.BatchGetTopicsResponse(topics=self._topics(request))

    async def BatchGetPosts(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetPosts", request)
        return forum_pb2.BatchGetPostsResponse(
            topics=self._topics(request), replies=self._replies(request)
        )

    def _topics(self, request: Any) -> Sequence[forum_pb2.Topic]:
        return shown(request, [row for row in self.topics if row.id in request.topic_ids])

    def _replies(self, request: Any) -> Sequence[forum_pb2.Reply]:
        return shown(request, [reply(key, f"t{key[1:]}") for key in request.reply_ids])

    async def ListTopics(self, request: Any, _context: Any) -> Any:
        self.called("ListTopics", request)
        page, token = paged(
            request,
            self.topics,
            lambda row: encode_page_token(row.activity_time.ToDatetime(UTC), row.id),
        )
        return forum_pb2.ListTopicsResponse(topics=shown(request, page), next_page_token=token)

    async def BatchGetSpaces(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetSpaces", request)
        return forum_pb2.BatchGetSpacesResponse(spaces=[space(key) for key in request.space_ids])

    async def GetSpace(self, request: Any, _context: Any) -> Any:
        self.called("GetSpace", request)
        return forum_pb2.GetSpaceResponse(space=space("sp1"))

    async def BatchGetReplies(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetReplies", request)
        return forum_pb2.BatchGetRepliesResponse(replies=self._replies(request))

    async def ListReplies(self, request: Any, _context: Any) -> Any:
        self.called("ListReplies", request)
        return forum_pb2.ListRepliesResponse(
            replies=[reply(f"r{number}", request.topic_id) for number in range(1, 4)]
        )

    async def CreateTopic(self, request: Any, _context: Any) -> Any:
        self.called("CreateTopic", request)
        created = topic(99)
        created.title = request.title
        return forum_pb2.CreateTopicResponse(topic=created)

    async def CreateReply(self, request: Any, _context: Any) -> Any:
        self.called("CreateReply", request)
        return forum_pb2.CreateReplyResponse(reply=reply("r99", request.topic_id))

    async def HideReply(self, request: Any, _context: Any) -> Any:
        self.called("HideReply", request)
        return forum_pb2.HideReplyResponse(reply=reply(request.reply_id, request.topic_id))

    async def ImportPosts(self, request: Any, _context: Any) -> Any:
        self.called("ImportPosts", request)
        return forum_pb2.ImportPostsResponse(created=len(request.posts), already_there=0)


def space(id: str) -> forum_pb2.Space:
    return forum_pb2.Space(
        id=id,
        community_id="c1",
        slug="general",
        name="General",
        mode=forum_pb2.SPACE_MODE_AUTO,
        audience=forum_pb2.AUDIENCE_COMMUNITY,
        create_time=time(0),
        version=1,
    )


def shown(request: Any, posts: Sequence[Any]) -> Sequence[Any]:
    """With their texts, or without."""
    if not request.without_texts:
        return posts
    copies = [type(post).FromString(post.SerializeToString()) for post in posts]
    for copy in copies:
        copy.ClearField("body")
        copy.ClearField("body_html")
    return copies


def topic(number: int) -> forum_pb2.Topic:
    made = forum_pb2.Topic(
        id=f"t{number}",
        community_id="c1",
        space_id=f"sp{number % 2 + 1}",
        kind=forum_pb2.TOPIC_KIND_QUESTION,
        state=forum_pb2.TOPIC_STATE_PUBLISHED,
        title=f"Topic {number}",
        slug=f"topic-{number}",
        body="text",
        body_html="<p>text</p>",
        tags=["a", "b"],
        author=forum_pb2.Author(
            person_id=f"p{number % 7 + 1}", company_id=f"co{number % 2 + 1}", community_id="c1"
        ),
        reply_count=number,
        create_time=time(number),
        activity_time=time(number),
        version=number,
    )
    if number % 3 == 0:
        made.accepted_reply_id = f"r{number}"
    return made


def reply(id: str, topic_id: str) -> forum_pb2.Reply:
    return forum_pb2.Reply(
        id=id,
        community_id="c1",
        topic_id=topic_id,
        space_id="sp1",
        state=forum_pb2.REPLY_STATE_PUBLISHED,
        body="answer",
        body_html="<p>answer</p>",
        author=forum_pb2.Author(
            persona=forum_pb2.Persona(source="se", external_id="7", display_name="Ann Other"),
            community_id="c1",
        ),
        accepted=True,
        create_time=time(0),
        version=1,
    )


Add = Callable[[aio.Server], None]


def add_directory(servicer: DirectoryServiceServicer, *more: Add) -> Add:
    """With what else the directory offers."""
    return _all(lambda server: add_DirectoryServiceServicer_to_server(servicer, server), *more)


def add_forum(servicer: ForumServiceServicer, *more: Add) -> Add:
    """With what else the forum offers."""
    return _all(lambda server: add_ForumServiceServicer_to_server(servicer, server), *more)


def _all(*adds: Add) -> Add:
    def add(server: aio.Server) -> None:
        for one in adds:
            one(server)

    return add


__all__ = ["DirectoryStandIn", "DomainError", "ForumStandIn", "add_directory", "add_forum"]
