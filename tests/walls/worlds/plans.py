"""What hypothesis draws: a world's opening and its moves, as small numbers that mean something
in whatever world they meet. Simple numbers make simple worlds, so failures shrink to short stories.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import strategies as st

TIERS = ("", "gold", "silver")
AUDIENCES = ("COMMUNITY", "TIER", "VENDOR", "COMPANIES", "GROUPS")
GROUPS = ("Tigers", "Owls")  # the owls are hidden
KINDS = ("DISCUSSION", "QUESTION", "ARTICLE", "IDEA")
TAGS = ("alpha", "beta", "gamma")
# What the topics of a tag are about in the programme, so that lists by either have the same.
ABOUT = {tag: {"system": "crm", "type": "deal", "external_id": f"Deal {tag}"} for tag in TAGS}
NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eve")
PARTNERS, VENDORS = ("Kestrel", "Lumen", "Merlin"), ("Aurora", "Borealis")

MOVES = (
    "reply",
    "topic",
    "moderate_topic",
    "moderate_reply",
    "decide",
    "accept",
    "publish",
    "edit",
    "remove_member",
    "end_enrolment",
    "change_tier",
    "deactivate",
    "move_person",
    "change_audience",
    "change_role",
    "join",
    "join_group",
    "leave_group",
    "archive_group",
)
REVOCATIONS = frozenset(
    (
        "remove_member",
        "end_enrolment",
        "change_tier",
        "deactivate",
        "move_person",
        "change_audience",
        "change_role",
        "leave_group",
        "archive_group",
        "moderate_topic",
        "moderate_reply",
    )
)


@dataclass(frozen=True)
class PersonPlan:
    """Which partner, in which communities and groups of theirs, as what."""

    company: int
    communities: int  # bits
    role: int  # 0 to 4: member; 5: moderator; 6: newcomer
    groups: int  # bits


@dataclass(frozen=True)
class SpacePlan:
    """Where, for whom."""

    community: int
    audience: int
    names: int  # bits, of tiers, companies or groups
    review: bool


@dataclass(frozen=True)
class TopicPlan:
    """In which space, by whom, how."""

    space: int
    author: int
    tag: int
    kind: int
    draft: bool
    replies: tuple[int, ...]  # their authors


@dataclass(frozen=True)
class Move:
    """Something that is done; the numbers choose among what is there."""

    kind: str
    a: int
    b: int


@dataclass(frozen=True)
class Plan:
    """One world."""

    two: bool  # communities
    tiers: tuple[int, ...]  # one a partner; from 3 on its people join by themselves
    people: tuple[PersonPlan, ...]
    spaces: tuple[SpacePlan, ...]
    topics: tuple[TopicPlan, ...]
    moves: tuple[Move, ...]

    def random(self) -> Random:
        """What is looked at where not all can be: the same in every run of this world."""
        return Random(zlib.crc32(repr(self).encode()))  # noqa: S311


@st.composite
def plans(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Plan:
    """Small worlds: few of everything, in all relations."""
    small = st.integers(0, 7)
    person = st.builds(
        PersonPlan, st.integers(0, 2), st.integers(1, 3), st.integers(0, 6), st.integers(0, 3)
    )
    space = st.builds(
        SpacePlan, st.integers(0, 1), st.integers(0, 4), st.integers(1, 3), st.booleans()
    )
    topic = st.builds(
        TopicPlan,
        small,
        small,
        st.integers(0, 2),
        st.integers(0, 3),
        st.sampled_from((False, False, False, True)),
        st.lists(small, max_size=3).map(tuple),
    )
    move = st.builds(Move, st.sampled_from(MOVES), small, small)
    return Plan(
        draw(st.booleans()),
        draw(st.lists(st.integers(0, 5), min_size=1, max_size=3).map(tuple)),
        draw(st.lists(person, min_size=2, max_size=4).map(tuple)),
        draw(st.lists(space, min_size=1, max_size=4).map(tuple)),
        draw(st.lists(topic, min_size=1, max_size=5).map(tuple)),
        draw(st.lists(move, max_size=8).map(tuple)),
    )
