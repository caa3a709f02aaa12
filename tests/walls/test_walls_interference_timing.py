"""What is hidden takes as long to answer as what is not there: by whom it is asked, by turns.

The least of many runs is compared, as noise only adds; before it fails it looks longer.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from gateway.cursors import decode_id
from guildhall.directory.v1 import directory_pb2 as directory
from guildhall.forum.v1 import forum_pb2 as forum
from tests.system import ENGINEER, SELLER, System
from tests.walls.loot import NEVER
from tests.walls.observers import Troupe
from tests.walls.oracle import Call, Services
from tests.world import World

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

RUNS = 200
LOOKS = 5  # each as long again as the one before
MOST = 1.20  # of the quicker


@pytest_asyncio.fixture
async def services(system: System) -> AsyncIterator[Services]:
    opened = await Services.of(system.place, Troupe(system.place), {}, people=(ENGINEER, SELLER))
    yield opened
    await opened.close()


def _topic(community: str, id_: str) -> Any:
    return forum.GetTopicRequest(community_id=community, topic_id=id_)


def _topics(community: str, id_: str) -> Any:
    return forum.BatchGetTopicsRequest(community_id=community, topic_ids=[id_])


def _replies(community: str, id_: str) -> Any:
    return forum.ListRepliesRequest(community_id=community, topic_id=id_)


def _reply(community: str, id_: str) -> Any:
    return forum.BatchGetRepliesRequest(community_id=community, reply_ids=[id_])


def _posts(community: str, id_: str) -> Any:
    return forum.BatchGetPostsRequest(community_id=community, topic_ids=[id_], reply_ids=[id_])


def _write(community: str, id_: str) -> Any:
    return forum.CreateReplyRequest(
        request_id="walls-how-long", community_id=community, topic_id=id_, body="How long?"
    )


def _community(_: str, id_: str) -> Any:
    return directory.GetCommunityRequest(community_id=id_)


def _company(community: str, id_: str) -> Any:
    return directory.GetCompanyRequest(community_id=community, company_id=id_)


def _member(community: str, id_: str) -> Any:
    return directory.GetMemberRequest(community_id=community, person_id=id_)


# What is asked, which thing of aurora it names (none: one of its members), and by whom: a member
# of aurora or of borealis.
ASKED: dict[str, tuple[Callable[[str, str], Any], str, str]] = {
    "GetTopic": (_topic, "Topic.HIDDEN", ENGINEER),
    "GetTopic of a draft": (_topic, "Topic.DRAFT", ENGINEER),
    "BatchGetTopics": (_topics, "Topic.HIDDEN", ENGINEER),
    "ListReplies": (_replies, "Topic.HIDDEN", ENGINEER),
    "BatchGetReplies": (_reply, "Reply.HIDDEN", ENGINEER),
    "BatchGetPosts": (_posts, "Topic.HIDDEN", ENGINEER),
    "BatchGetPosts of a reply": (_posts, "Reply.HIDDEN", ENGINEER),
    "CreateReply": (_write, "Topic.HIDDEN", ENGINEER),
    "GetCommunity": (_community, "Community", SELLER),
    "GetCompany": (_company, "Company.VENDOR", SELLER),
    "GetMember": (_member, "", SELLER),
}


@pytest.mark.parametrize("what", ASKED)
async def test_hidden_takes_as_long_as_missing(what: str, world: World, services: Services) -> None:
    make, kind, who = ASKED[what]
    module = directory if what in ("GetCommunity", "GetCompany", "GetMember") else forum
    name = "directory" if module is directory else "forum"
    ids = world.aurora if who == ENGINEER else world.borealis
    community = decode_id(ids["Community"], "id").id
    if kind:
        hidden = decode_id(world.aurora[kind], "id").id.rpartition(".")[2]
    else:
        hidden = services.actors[ENGINEER].person_id
    (service,) = module.DESCRIPTOR.services_by_name.values()
    method = service.methods_by_name[what.split()[0]]
    calls = [Call(what, make(community, id_), method, (id_,)) for id_ in (hidden, NEVER)]
    answers = [await services.answer(who, name, call) for call in calls]
    assert answers[0] == answers[1]
    least = [float("inf")] * 2
    for look in range(LOOKS):
        for run in range(RUNS << look):
            for which in (0, 1) if run % 2 else (1, 0):
                began = time.perf_counter()
                await services.answer(who, name, calls[which])
                least[which] = min(least[which], time.perf_counter() - began)
        if max(least) <= MOST * min(least):
            return
    told = ", ".join(f"{seconds * 1000:.2f} ms" for seconds in least)
    raise AssertionError(f"{what}: hidden and missing take {told}")
