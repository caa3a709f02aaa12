"""The walls, as properties of small random worlds: everyone finds exactly what they can read."""

from __future__ import annotations

import html
import re
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chassis.actors import Actor, Membership
from chassis.domain_events import Projection
from guildhall.forum.v1 import forum_pb2
from guildhall.search.v1 import search_pb2
from services.search.tests import factories
from services.search.tests.conftest import World
from services.search.use_cases.opening import OpenSpaces
from services.search.use_cases.projecting import Change
from services.search.use_cases.searching import Searching

WORDS = ("quartz", "heron", "bumblebee")
PUBLISHED, ANSWERED = forum_pb2.TOPIC_STATE_PUBLISHED, forum_pb2.REPLY_STATE_PUBLISHED
# Half of all posts are published, so that there is something to hide.
TOPIC_STATES = [*(value for value in forum_pb2.TopicState.values() if value), *[PUBLISHED] * 6]
REPLY_STATES = [*(value for value in forum_pb2.ReplyState.values() if value), *[ANSWERED] * 4]
READABLE = {
    forum_pb2.TOPIC_STATE_PUBLISHED,
    forum_pb2.TOPIC_STATE_CLOSED,
    forum_pb2.TOPIC_STATE_ARCHIVED,
}
KINDS = [value for value in forum_pb2.TopicKind.values() if value]
TIERS = ("gold", "silver")
COMPANIES = ("co1", "co2")

word = st.sampled_from(WORDS)
audience = st.one_of(
    st.just((forum_pb2.AUDIENCE_COMMUNITY, ())),
    st.just((forum_pb2.AUDIENCE_VENDOR, ())),
    st.tuples(st.just(forum_pb2.AUDIENCE_TIER), st.sampled_from([("gold",), TIERS])),
    st.tuples(st.just(forum_pb2.AUDIENCE_COMPANIES), st.sampled_from([("co1",), COMPANIES])),
)
reply = st.tuples(word, st.sampled_from(REPLY_STATES))
topic = st.tuples(
    word, word, st.integers(0, 2), st.sampled_from(TOPIC_STATES), st.lists(reply, max_size=3)
)
membership = st.tuples(
    st.sampled_from(COMPANIES), st.sampled_from((*TIERS, "")), st.booleans(), st.booleans()
)
change = st.one_of(
    st.tuples(st.just("space"), st.integers(0, 2), audience),
    st.tuples(st.just("topic"), st.integers(0, 9), st.sampled_from(TOPIC_STATES)),
    st.tuples(st.just("reply"), st.integers(0, 9), st.sampled_from(REPLY_STATES)),
)


@dataclass
class Community:
    """One community of the model, with ids that no other example has."""

    id: str
    spaces: list[forum_pb2.Space]
    topics: list[forum_pb2.Topic]
    replies: list[forum_pb2.Reply]


def build(number: int, audiences: list[Any], topics: list[Any]) -> Community:
    id_ = f"c{number}-{uuid.uuid4().hex}"
    spaces = [
        factories.space(f"s{n}-{id_}", id_, name="Room", audience=kind, audience_names=names)
        for n, (kind, names) in enumerate(audiences)
    ]
    made = Community(id_, spaces, [], [])
    for n, (title, body, space, state, replies) in enumerate(topics):
        topic_id = f"t{n}-{id_}"
        published = [state for _, state in replies if state == forum_pb2.REPLY_STATE_PUBLISHED]
        made.topics.append(
            factories.topic(
                topic_id,
                id_,
                space_id=spaces[space].id,
                state=state,
                title=f"{title} <b>{n}</b>",
                body_html=f"<p>{body} &lt;script&gt;</p>",
                tags=[title],
                kind=KINDS[n % len(KINDS)],
                reply_count=len(published),
            )
        )
        made.replies.extend(
            factories.reply(
                f"r{n}-{m}-{id_}",
                topic_id,
                community_id=id_,
                state=state,
                body_html=f"<p>{body}</p>",
            )
            for m, (body, state) in enumerate(replies)
        )
    return made


def keyring(community: str, company: str, tier: str, vendor: bool) -> tuple[str, ...]:
    keys = [f"community:{community}", f"company:{company}@{community}"]
    if tier:
        keys.append(f"tier:{tier}@{community}")
    if vendor:
        keys.append(f"vendor:{community}")
    return tuple(keys)


def opens(space: forum_pb2.Space, company: str, tier: str, vendor: bool) -> bool:
    """Said again in other words than the code under test."""
    if space.audience == forum_pb2.AUDIENCE_COMMUNITY or vendor:
        return True
    if space.audience == forum_pb2.AUDIENCE_TIER:
        return tier in space.audience_names
    return space.audience == forum_pb2.AUDIENCE_COMPANIES and company in space.audience_names


def told(community: Community, ids: set[str]) -> dict[str, Counter[str]]:
    """Kinds and states of the topics that these are, or are in."""
    topics = {t.id: t for t in community.topics}
    found = [topics[i] for i in ids if i in topics]
    found += [topics[r.topic_id] for r in community.replies if r.id in ids]
    return {
        "topic_kind": Counter(forum_pb2.TopicKind.Name(t.kind)[11:] for t in found),
        "topic_state": Counter(forum_pb2.TopicState.Name(t.state)[12:] for t in found),
    }


def visible(community: Community, company: str, tier: str, vendor: bool) -> dict[str, str]:
    """Id -> text of everything this member can read."""
    spaces = {s.id for s in community.spaces if opens(s, company, tier, vendor)}
    topics = {t.id: t for t in community.topics if t.space_id in spaces and t.state in READABLE}
    replies = [
        r
        for r in community.replies
        if r.topic_id in topics and r.state == forum_pb2.REPLY_STATE_PUBLISHED
    ]
    return (
        {t.id: f"{t.title} {t.body_html}" for t in topics.values()}
        | {r.id: f"{r.body_html} {topics[r.topic_id].tags}" for r in replies}
        | {s.id: s.name for s in community.spaces if s.id in spaces}
    )


async def project(world: World, community: Community) -> None:
    """Everything said about it, as the consumers would."""
    world.forum.spaces |= {s.id: s for s in community.spaces}
    world.forum.topics |= {t.id: t for t in community.topics}
    world.forum.replies |= {r.id: r for r in community.replies}
    changes = [Projection(Change.SPACE, community.id, s.id) for s in community.spaces]
    changes += [Projection(Change.TOPIC, community.id, t.id) for t in community.topics]
    changes += [Projection(Change.REPLY, community.id, r.id) for r in community.replies]
    await world.projector.project(1, changes)


async def apply(world: World, community: Community, what: str, which: int, value: Any) -> None:
    """One change at its owner, and what its domain event projects."""
    if what == "space":
        space = community.spaces[which]
        space.audience = value[0]
        del space.audience_names[:]
        space.audience_names.extend(value[1])
        factories.tell_keys(space)
        projection = Projection(Change.SPACE, community.id, space.id)
    elif what == "topic" and community.topics:
        changed = community.topics[which % len(community.topics)]
        changed.state = value
        projection = Projection(Change.THREAD, community.id, changed.id)
    elif what == "reply" and community.replies:
        answer = community.replies[which % len(community.replies)]
        answer.state = value
        mine = [r for r in community.replies if r.topic_id == answer.topic_id]
        question = next(t for t in community.topics if t.id == answer.topic_id)
        question.reply_count = sum(r.state == forum_pb2.REPLY_STATE_PUBLISHED for r in mine)
        projection = Projection(Change.REPLY, community.id, answer.id)
    else:
        return
    await world.projector.project(1, [projection])


def searching_in(world: World) -> Searching:
    return Searching(world.repository, world.index, OpenSpaces(world.repository, world.forum_stub))


async def check(
    world: World, actor: Actor, communities: list[Community], memberships: list[Any]
) -> None:
    searching = searching_in(world)
    texts: dict[str, str] = {}
    where: dict[str, str] = {}
    for community, member in zip(communities, memberships, strict=True):
        if member is not None:
            mine = visible(community, *member[:3])
            texts |= mine
            where |= dict.fromkeys(mine, community.id)
    for asked in ("", *WORDS):
        expected = {i for i, text in texts.items() if asked in text.split("[")[0]}
        answer = await searching.search(
            actor,
            search_pb2.SearchRequest(
                query=asked, page_size=100, with_facets=True, with_highlights=True, with_total=True
            ),
        )
        assert {hit.id for hit in answer.hits} == expected
        assert answer.total == len(expected)
        facets = {facet.name: {v.value: v.count for v in facet.values} for facet in answer.facets}
        assert facets.get("community", {}) == Counter(where[i] for i in expected)
        assert sum(facets.get("kind", {}).values()) == len(expected)
        topics = [told(community, expected) for community in communities]
        for name in ("topic_kind", "topic_state"):
            assert facets.get(name, {}) == sum((one[name] for one in topics), Counter())
        for hit in answer.hits:
            for highlight in (hit.title_highlight, hit.body_highlight):
                plain = html.unescape(re.sub("</?mark>", "", highlight))
                assert not re.search("<(?!/?mark>)", highlight)
                assert not plain or plain.split()[0] in html.unescape(texts[hit.id])
        suggested = await searching.suggest(
            actor, search_pb2.SuggestRequest(prefix=asked[:4] or "q")
        )
        assert {suggestion.id for suggestion in suggested.suggestions} <= texts.keys()


@settings(
    max_examples=25,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # the worlds are small as they are
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    audiences=st.lists(audience, min_size=6, max_size=6),
    topics=st.tuples(st.lists(topic, min_size=1, max_size=4), st.lists(topic, max_size=4)),
    memberships=st.tuples(st.none() | membership, st.none() | membership),
    changes=st.lists(change, min_size=2, max_size=5),
)
async def test_everyone_finds_exactly_what_they_can_read(
    world: World, audiences: list[Any], topics: Any, memberships: Any, changes: list[Any]
) -> None:
    communities = [build(n, audiences[n * 3 : n * 3 + 3], topics[n]) for n in (0, 1)]
    for community in communities:
        await project(world, community)
    actor = Actor(
        person_id="p1",
        memberships={
            community.id: Membership(member[0], keyring=keyring(community.id, *member[:3]))
            for community, member in zip(communities, memberships, strict=True)
            if member is not None
        },
    )
    await world.index.refresh()
    await check(world, actor, communities, memberships)
    for number, (what, which, value) in enumerate(changes):
        await apply(world, communities[number % 2], what, which, value)
        await world.index.refresh()
        await check(world, actor, communities, memberships)
    outsider = Actor(
        person_id="p2",
        memberships={"elsewhere": Membership("co1", keyring=("community:elsewhere",))},
    )
    nobody = Actor(person_id="p3")
    searching = searching_in(world)
    for asked in ("", *WORDS):
        for other in (outsider, nobody):
            for named in ([], [c.id for c in communities]):
                request = search_pb2.SearchRequest(
                    query=asked, community_ids=named, with_total=True, with_highlights=True
                )
                assert await searching.search(other, request) == search_pb2.SearchResponse()
                prefix = search_pb2.SuggestRequest(prefix=asked[:4], community_ids=named)
                assert await searching.suggest(other, prefix) == search_pb2.SuggestResponse()
