"""The walls, as properties of small random worlds: everyone finds exactly what they can read."""

from __future__ import annotations

import html
import re
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chassis import moment
from chassis.actors import Actor, Membership
from chassis.domain_events import Projection
from guildhall.forum.v1 import announcements_pb2, forum_pb2
from guildhall.search.v1 import search_pb2
from services.search.tests import factories
from services.search.tests.conftest import World
from services.search.use_cases.opening import Opening, channels_of, spaces_of
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

LOCALES, TERRITORIES, ROLES = ("de", "fr"), ("north", "south"), ("MODERATOR", "MEMBER")
OUT = announcements_pb2.ANNOUNCEMENT_STATE_PUBLISHED
ENDED = announcements_pb2.ANNOUNCEMENT_STATE_EXPIRED
HOUR = timedelta(hours=1)

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
# Of tiers, companies, roles, locales and territories some; half of all rules are for everybody.
rule = st.just(((),) * 5) | st.tuples(
    *(
        st.sampled_from([(), (), (), names[:1], names[1:], names])
        for names in (TIERS, COMPANIES, ROLES, LOCALES, TERRITORIES)
    )
)
# None: what is not published, or was taken back; else in how many hours all clocks show its hour.
released = st.sampled_from([-1, 1, -2, None, -1, 1])
announcement = st.tuples(word, word, st.integers(0, 1), rule, released)
membership = st.tuples(
    st.sampled_from(COMPANIES),
    st.sampled_from((*TIERS, "")),
    st.booleans(),
    st.booleans(),
    st.sampled_from((*LOCALES, "")),
    st.sampled_from((*TERRITORIES, "")),
    st.booleans(),
)
change = st.one_of(
    st.tuples(st.just("space"), st.integers(0, 2), audience),
    st.tuples(st.just("channel"), st.integers(0, 1), audience),
    st.tuples(st.just("announcement"), st.integers(0, 9), released),
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
    channels: list[announcements_pb2.Channel]
    announcements: list[Announced]


@dataclass
class Announced:
    """What was written for whom; `hours` since when all clocks show its hour, None: not out."""

    id: str
    title: str
    body: str
    translated: str
    channel: announcements_pb2.Channel
    rule: tuple[tuple[str, ...], ...]
    hours: int | None

    @property
    def out(self) -> bool:
        """Everywhere."""
        return self.hours is not None and self.hours < 0

    def fits(self, member: Member) -> bool:
        """Said again in other words than the code under test."""
        tiers, companies, roles, locales, territories = self.rule
        return (
            (not tiers or member.tier in tiers)
            and (not companies or member.company in companies)
            and (not roles or "MEMBER" in roles or (member.moderates and "MODERATOR" in roles))
            and (not locales or member.locale in locales)
            and (not territories or member.territory in territories)
        )

    def told(self) -> announcements_pb2.FindableAnnouncement:
        """As the forum tells search."""
        id_, now = self.channel.community_id, moment.now()
        tiers, companies, roles, locales, territories = self.rule
        keys = (
            [f"tier:{name}@{id_}" for name in tiers],
            [f"company:{name}@{id_}" for name in companies],
            [f"community:{id_}" if r == "MEMBER" else f"role:{r}@{id_}" for r in roles],
            [f"locale:{name}@{id_}" for name in locales],
            [f"territory:{name}@{id_}" for name in territories],
        )
        return factories.announcement(
            self.id,
            id_,
            channel_id=self.channel.id,
            state=ENDED if self.hours == -2 else OUT,
            texts=[
                factories.text(self.title, f"<p>{self.body} &lt;script&gt;</p>"),
                factories.text(self.translated, "<p>x</p>", "de"),
            ],
            visible_time=factories.stamp(now + HOUR * (self.hours or 0)),
            **{
                name: some or [f"community:{id_}"]
                for name, some in zip(factories.RULE_KEYS, keys, strict=True)
            },
        )


class Member(NamedTuple):
    """Somebody of a community."""

    company: str
    tier: str
    vendor: bool
    trusted: bool
    locale: str
    territory: str
    moderates: bool


def build(number: int, audiences: list[Any], topics: list[Any], announced: list[Any]) -> Community:
    id_ = f"c{number}-{uuid.uuid4().hex}"
    spaces = [
        factories.space(f"s{n}-{id_}", id_, name="Room", audience=kind, audience_names=names)
        for n, (kind, names) in enumerate(audiences[:3])
    ]
    channels = [
        factories.channel(f"n{n}-{id_}", id_, audience=kind, audience_names=names)
        for n, (kind, names) in enumerate(audiences[3:])
    ]
    made = Community(id_, spaces, [], [], channels, [])
    for n, (title, body, channel, lists, hours) in enumerate(announced):
        translated = WORDS[(WORDS.index(body) + 1) % len(WORDS)]
        made.announcements.append(
            Announced(
                f"a{n}-{id_}",
                f"{title} <i>{n}</i>",
                body,
                translated,
                channels[channel],
                lists,
                hours,
            )
        )
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


def keyring(community: str, member: Member) -> tuple[str, ...]:
    keys = [f"community:{community}", f"company:{member.company}@{community}"]
    if member.tier:
        keys.append(f"tier:{member.tier}@{community}")
    if member.vendor:
        keys.append(f"vendor:{community}")
    if member.locale:
        keys.append(f"locale:{member.locale}@{community}")
    if member.territory:
        keys.append(f"territory:{member.territory}@{community}")
    if member.moderates:
        keys.append(f"role:MODERATOR@{community}")
    return tuple(keys)


def opens(place: forum_pb2.Space | announcements_pb2.Channel, member: Member) -> bool:
    """Said again in other words than the code under test."""
    if place.audience == forum_pb2.AUDIENCE_COMMUNITY or member.vendor:
        return True
    if place.audience == forum_pb2.AUDIENCE_TIER:
        return member.tier in place.audience_names
    return place.audience == forum_pb2.AUDIENCE_COMPANIES and member.company in place.audience_names


def told(community: Community, ids: set[str]) -> dict[str, Counter[str]]:
    """Kinds and states of the topics that these are, or are in."""
    topics = {t.id: t for t in community.topics}
    found = [topics[i] for i in ids if i in topics]
    found += [topics[r.topic_id] for r in community.replies if r.id in ids]
    return {
        "topic_kind": Counter(forum_pb2.TopicKind.Name(t.kind)[11:] for t in found),
        "topic_state": Counter(forum_pb2.TopicState.Name(t.state)[12:] for t in found),
    }


def visible(community: Community, member: Member) -> dict[str, str]:
    """Id -> text of everything this member can read."""
    spaces = {s.id for s in community.spaces if opens(s, member)}
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
        | {
            one.id: f"{one.title} <p>{one.body} &lt;script&gt;</p> {one.translated}"
            for one in community.announcements
            if one.out and opens(one.channel, member) and one.fits(member)
        }
    )


async def project(world: World, community: Community) -> None:
    """Everything said about it, as the consumers would."""
    world.forum.spaces |= {s.id: s for s in community.spaces}
    world.forum.topics |= {t.id: t for t in community.topics}
    world.forum.replies |= {r.id: r for r in community.replies}
    world.announcements.channels |= {c.id: c for c in community.channels}
    world.announcements.findable |= {
        one.id: one.told() for one in community.announcements if one.hours is not None
    }
    changes = [Projection(Change.CHANNEL, community.id, c.id) for c in community.channels]
    changes += [
        Projection(Change.ANNOUNCEMENT, community.id, a.id) for a in community.announcements
    ]
    changes += [Projection(Change.SPACE, community.id, s.id) for s in community.spaces]
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
    elif what == "channel":
        channel = community.channels[which]
        channel.audience = value[0]
        channel.audience_names[:] = value[1]
        factories.tell_keys(channel)
        projection = Projection(Change.CHANNEL, community.id, channel.id)
    elif what == "announcement" and community.announcements:
        one = community.announcements[which % len(community.announcements)]
        one.hours = value
        world.announcements.findable.pop(one.id, None)
        if value is not None:
            world.announcements.findable[one.id] = one.told()
        projection = Projection(Change.ANNOUNCEMENT, community.id, one.id)
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
    return Searching(
        world.repository,
        world.index,
        Opening(world.repository.spaces, spaces_of(world.forum_stub)),
        Opening(world.repository.channels, channels_of(world.announcements_stub)),
    )


async def check(
    world: World,
    actor: Actor,
    communities: list[Community],
    memberships: list[Member | None],
) -> None:
    searching = searching_in(world)
    texts: dict[str, str] = {}
    where: dict[str, str] = {}
    for community, member in zip(communities, memberships, strict=True):
        if member is not None:
            mine = visible(community, member)
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
        kinds = {"a": "ANNOUNCEMENT", "t": "TOPIC", "r": "REPLY", "s": "SPACE"}
        assert facets.get("kind", {}) == Counter(kinds[i[0]] for i in expected)
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
    audiences=st.lists(audience, min_size=10, max_size=10),
    topics=st.tuples(st.lists(topic, min_size=1, max_size=4), st.lists(topic, max_size=4)),
    announced=st.tuples(
        st.lists(announcement, min_size=2, max_size=4),
        st.lists(announcement, min_size=1, max_size=4),
    ),
    drawn=st.tuples(st.none() | membership, st.none() | membership),
    changes=st.lists(change, min_size=2, max_size=5),
)
async def test_everyone_finds_exactly_what_they_can_read(
    world: World, audiences: list[Any], topics: Any, announced: Any, drawn: Any, changes: list[Any]
) -> None:
    memberships = [None if one is None else Member(*one) for one in drawn]
    communities = [build(n, audiences[n * 5 : n * 5 + 5], topics[n], announced[n]) for n in (0, 1)]
    for community in communities:
        await project(world, community)
    actor = Actor(
        person_id="p1",
        memberships={
            community.id: Membership(member.company, keyring=keyring(community.id, member))
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
