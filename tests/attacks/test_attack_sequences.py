"""Whatever is done to topics and replies in whatever order: no error of ours, nothing inconsistent.

SEQUENCES says how many of them, SEQUENCES_SEED which; one that fails is shrunk and printed as code.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections import Counter
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from tests.integration.inputs import SCHEMA, codes
from tests.integration.test_bad_input import GENERAL
from tests.system import BOTH, ENGINEER, MANAGER, SELLER, Asker, RefusedError, System

SEQUENCES = int(os.environ.get("SEQUENCES") or 12)
SEED = int(os.environ.get("SEQUENCES_SEED") or time.time_ns() % 1_000_000_007)
STEPS = 30
MUTATIONS: Any = SCHEMA.mutation_type.fields  # type: ignore[union-attr]
OPEN = {"PUBLISHED", "CLOSED", "ARCHIVED"}  # to every member of the community
ENDS = ("removeTopic", "archiveTopic")  # rarely: afterwards little more can be done
TOPIC_STEPS = (
    "publishTopic", "updateTopic", "closeTopic", "reopenTopic", "hideTopic", "restoreTopic",
    "unacceptReply",
)  # fmt: skip
REPLY_STEPS = ("updateReply", "hideReply", "restoreReply", "removeReply", "acceptReply")
PLACE = '{ community(slug: "aurora") { space(slug: "general") { id } } }'
PEOPLE = ("manager", "manager", "manager", "engineer", "both", "seller")
LOOK = """query Look($id: ID!) { topic(id: $id) {
    state version replyCount acceptedReply { id state accepted }
    replies(first: 100) { edges { node { id state accepted version } } }
} }"""
pytestmark = [pytest.mark.stack, pytest.mark.timeout(120 + 20 * SEQUENCES)]


@dataclass
class Stage:
    """The people and the community, for all sequences."""

    runner: asyncio.Runner
    people: dict[str, Asker]
    space: str
    seen: Counter[str] = field(default_factory=Counter)

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        """For it, here."""
        return self.runner.run(work)


@pytest.fixture
def stage(running_system: System) -> Iterator[Stage]:
    with asyncio.Runner() as runner:

        async def begin() -> Stage:
            people = {
                name: await running_system.asker(email)
                for name, email in (
                    ("manager", MANAGER), ("engineer", ENGINEER), ("both", BOTH), ("seller", SELLER)
                )
            }  # fmt: skip
            found = await people["manager"](PLACE)
            return Stage(runner, people, found["community"]["space"]["id"])

        yield runner.run(begin())
        runner.run(running_system.close_clients())


class Sequences(RuleBasedStateMachine):
    """One topic after another, and everything that can be done to it.

    What is drawn depends on no answer: how fast somebody posts is a matter of the clock.
    """

    stage: ClassVar[Stage]

    def __init__(self) -> None:
        super().__init__()
        self.topic = self.author = ""
        self.replies: list[str] = []
        self.before: dict[str, Any] = {}
        self.last: tuple[str, str, str, dict[str, Any], Any] | None = None

    # -- what happens

    @initialize(
        who=st.sampled_from(("both", "manager")),
        kind=st.sampled_from(("QUESTION", "DISCUSSION")),
        draft=st.sampled_from((False, False, False, True)),
    )
    def create(self, who: str, kind: str, draft: bool) -> None:
        text = "How long does it take to begin anew?"
        self.author = who
        new = {"spaceId": self.stage.space, "kind": kind, "title": text, "body": text}
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
        who=st.sampled_from(PEOPLE),
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

    @rule(who=st.sampled_from(PEOPLE))
    def reply(self, who: str) -> None:
        made = self.mutate(
            "createReply", who, "{ reply { id state } }", topicId=self.topic, body="It takes a day."
        )
        if made is not None:
            self.replies.append(made["reply"]["id"])

    @rule(
        step=st.sampled_from(REPLY_STEPS),
        who=st.sampled_from(PEOPLE),
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

    @rule()
    def repeat(self) -> None:
        """The same request once more: the first answer, and nothing changes."""
        if self.last is None:
            return
        step, who, selection, input_, first = self.last
        again = self.send(step, who, selection, **input_)
        assert again == first
        self.check(changed=False)

    # -- what must hold

    def mutate(self, step: str, who: str, selection: str, **input_: Any) -> Any:
        """The payload, or None where it is refused; then all that must hold is looked at."""
        input_["requestId"] = f"sequence-{uuid.uuid4()}"
        if step == "unacceptReply":
            selection = "{ topic { state version } }"
        payload = self.send(step, who, selection, **input_)
        self.stage.seen[f"{step} {'done' if payload else 'refused'}"] += 1
        if step != "createTopic":
            if payload is not None:
                self.last = (step, who, selection, input_, payload)
            self.check(changed=payload is not None)
        return payload

    def send(self, step: str, who: str, selection: str, **input_: Any) -> Any:
        """The payload, or None where it is refused with a code that its description lists."""
        asker = self.stage.people[who]
        try:
            return self.stage.wait(asker.mutate(step, selection, **input_))
        except RefusedError as error:
            refusal = error
        documented = codes(MUTATIONS[step].description) | GENERAL
        assert refusal.code in documented, f"{step}: {refusal}"
        return None

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
    Sequences.stage = stage
    print(f"SEQUENCES_SEED={SEED}")
    run_state_machine_as_test(
        seed(SEED)(Sequences),
        settings=settings(
            max_examples=SEQUENCES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
    done = {name.partition(" ")[0] for name in stage.seen if name.endswith("done")}
    print(dict(stage.seen))
    assert len(done) >= 4, stage.seen
