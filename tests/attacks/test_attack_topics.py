"""Topics and replies, whatever is done to them in whatever order: nothing inconsistent."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.attacks.sequences import SEQUENCES, Machine, Stage, run, staged
from tests.system import Asker, System

OPEN = {"PUBLISHED", "CLOSED", "ARCHIVED"}  # to every member of the community
ENDS = ("removeTopic", "archiveTopic")  # rarely: afterwards little more can be done
TOPIC_STEPS = (
    "publishTopic", "updateTopic", "closeTopic", "reopenTopic", "hideTopic", "restoreTopic",
    "unacceptReply",
)  # fmt: skip
REPLY_STEPS = ("updateReply", "hideReply", "restoreReply", "removeReply", "acceptReply")
PLACE = '{ community(slug: "aurora") { space(slug: "general") { id } } }'
WHO = ("manager", "manager", "manager", "engineer", "both", "seller")
LOOK = """query Look($id: ID!) { topic(id: $id) {
    state version replyCount acceptedReply { id state accepted }
    replies(first: 100) { edges { node { id state accepted version } } }
} }"""
pytestmark = [pytest.mark.stack, pytest.mark.timeout(120 + 20 * SEQUENCES)]


@pytest.fixture
def stage(running_system: System) -> Iterator[Stage]:
    async def general(manager: Asker) -> str:
        return str((await manager(PLACE))["community"]["space"]["id"])

    with staged(running_system, general) as made:
        yield made


class Topics(Machine):
    """One topic after another."""

    begins = "createTopic"

    def __init__(self) -> None:
        super().__init__()
        self.topic = self.author = ""
        self.replies: list[str] = []

    # -- what happens

    @initialize(
        who=st.sampled_from(("both", "manager")),
        kind=st.sampled_from(("QUESTION", "DISCUSSION")),
        draft=st.sampled_from((False, False, False, True)),
    )
    def create(self, who: str, kind: str, draft: bool) -> None:
        text = "How long does it take to begin anew?"
        self.author = who
        new = {"spaceId": self.stage.place, "kind": kind, "title": text, "body": text}
        made = self.mutate("createTopic", who, "{ topic { id } }", draft=draft, **new)
        if made is None:  # too fast after the last one; moderators never are
            self.author = who = "manager"
            made = self.mutate("createTopic", who, "{ topic { id } }", draft=draft, **new)
        assert made is not None
        self.topic = made["topic"]["id"]
        self.before = self.look("manager") or self.look(who) or {}
        assert self.before["state"] == ("DRAFT" if draft else "PUBLISHED")

    @rule(
        step=st.sampled_from((*TOPIC_STEPS * 5, *ENDS)),
        who=st.sampled_from(WHO),
        version=st.sampled_from((None, None, 0, -1)),
    )
    def change_topic(self, step: str, who: str, version: int | None) -> None:
        input_: dict[str, Any] = {"topicId": self.topic}
        if version is not None:
            input_["expectedVersion"] = max(1, self.before["version"] + version)
        if step in ("hideTopic", "removeTopic"):
            input_["reason"] = "to see"
        if step == "closeTopic":
            input_["closeReason"] = "RESOLVED"
        if step == "updateTopic":
            input_["title"] = f"It was changed {uuid.uuid4().hex[:6]}"
        self.mutate(step, who, "{ topic { state version } }", **input_)

    @rule(who=st.sampled_from(WHO))
    def reply(self, who: str) -> None:
        made = self.mutate(
            "createReply", who, "{ reply { id state } }", topicId=self.topic, body="It takes a day."
        )
        if made is not None:
            self.replies.append(made["reply"]["id"])

    @rule(
        step=st.sampled_from(REPLY_STEPS),
        who=st.sampled_from(WHO),
        which=st.integers(0, 5),
    )
    def change_reply(self, step: str, who: str, which: int) -> None:
        if not self.replies:
            return
        input_: dict[str, Any] = {"replyId": self.replies[which % len(self.replies)]}
        if step in ("hideReply", "removeReply"):
            input_["reason"] = "to see"
        if step == "updateReply":
            input_["body"] = f"It takes two days, {uuid.uuid4().hex[:6]}."
        self.mutate(step, who, "{ reply { state } }", **input_)

    # -- what must hold

    def look(self, who: str) -> dict[str, Any] | None:
        """The topic as somebody sees it."""
        found = self.stage.wait(self.stage.people[who](LOOK, id=self.topic))["topic"]
        return dict(found) if found is not None else None

    def check(self, *, changed: bool) -> None:
        """Counts, acceptance, versions and walls."""
        if not self.topic:
            return
        now = self.look("manager")
        if now is None:
            assert self.before["state"] in ("DRAFT", "REMOVED"), self.before
            now = self.look(self.author)
        if now is None:
            assert self.before["state"] in ("DRAFT", "REMOVED", "HIDDEN"), self.before
            return
        if not changed:
            assert now == self.before
        assert now["version"] >= self.before["version"]
        replies = [edge["node"] for edge in now["replies"]["edges"]]
        published = [one for one in replies if one["state"] == "PUBLISHED"]
        assert now["replyCount"] == len(published), now
        accepted = [one["id"] for one in replies if one["accepted"]]
        told = now["acceptedReply"]
        assert accepted == ([told["id"]] if told else []), now
        assert set(accepted) <= {one["id"] for one in published}, now
        assert self.look("seller") is None
        for member in {"engineer", "both"} - {self.author}:
            seen = self.look(member)
            assert (seen is not None) == (now["state"] in OPEN), (member, now["state"])
            if seen is not None:
                assert {edge["node"]["id"] for edge in seen["replies"]["edges"]} >= {
                    one["id"] for one in published
                }
        self.before = now


def test_any_sequence_leaves_topics_consistent(stage: Stage) -> None:
    run(Topics, stage, least=4)
