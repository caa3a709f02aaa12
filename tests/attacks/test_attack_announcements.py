"""Announcements, whatever is done to them in whatever order: nobody sees more than they may."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from chassis import moment
from tests.attacks.sequences import SEQUENCES, Machine, Stage, run, staged
from tests.system import Asker, System

WHO = ("manager", "manager", "manager", "manager", "both", "seller")
ENDS = ("withdrawAnnouncement", "archiveAnnouncement", "deleteAnnouncement")
AFTER = {  # rules.md A4: what may follow, and what has no arrow is as it was
    "DRAFT": {"SCHEDULED", "PUBLISHED"},
    "SCHEDULED": {"PUBLISHED", "WITHDRAWN"},
    "PUBLISHED": {"EXPIRED", "WITHDRAWN"},
    "EXPIRED": {"ARCHIVED"},
    "ARCHIVED": set(),
    "WITHDRAWN": set(),
}
OUT = {"PUBLISHED", "EXPIRED", "ARCHIVED", "WITHDRAWN"}
ORDER = (None, "DELIVERED", "SEEN", "ACKNOWLEDGED")
LOOK = """query Look($id: ID!) { announcement(id: $id) {
    state version title stateReason publishTime expireTime wallClock correctionCount locales
    correctTime severity corrections(first: 100) { totalCount }
} }"""
RECEIPT = "query Receipt($id: ID!) { announcement(id: $id) { title receipt { state } } }"
pytestmark = [pytest.mark.stack, pytest.mark.timeout(120 + 20 * SEQUENCES)]


@pytest.fixture
def stage(running_system: System) -> Iterator[Stage]:
    async def channel(manager: Asker) -> str:
        found = await manager('{ community(slug: "aurora") { id } }')
        made = await manager.mutate(
            "createChannel",
            "{ channel { id } }",
            communityId=found["community"]["id"],
            slug=f"sequences-{uuid.uuid4().hex[:8]}",
            name="Sequences",
            theme="OTHER",
        )
        return str(made["channel"]["id"])

    with staged(running_system, channel) as made:
        yield made


class Announcements(Machine):
    """One announcement after another. Nobody must read any: everybody would be mailed."""

    begins = "createAnnouncement"

    def __init__(self) -> None:
        super().__init__()
        self.id = ""
        self.told = False  # everybody, not the roles that `both` has not
        self.receipt: str | None = None  # of `both`

    @initialize(
        severity=st.sampled_from(("INFO", "IMPORTANT")),
        everybody=st.booleans(),
        expires=st.booleans(),
    )
    def create(self, severity: str, everybody: bool, expires: bool) -> None:
        new: dict[str, Any] = {"channelId": self.stage.place, "title": "New margins"}
        if not everybody:
            new["audienceRule"] = {"roles": ["MANAGER"]}
        if expires:
            new["expireTime"] = _in_days(9)
        for who in ("both", "seller", "manager"):
            made = self.mutate(
                "createAnnouncement",
                who,
                "{ announcement { id } }",
                body="They are better.",
                severity=severity,
                **new,
            )
            assert (made is not None) == (who == "manager")
        self.id, self.told = made["announcement"]["id"], everybody
        self.before = self.look("manager") or {}
        assert self.before["state"] == "DRAFT"

    @rule(who=st.sampled_from(WHO), version=st.sampled_from((None, None, None, 0, -1)))
    def publish(self, who: str, version: int | None) -> None:
        selection = "{ announcement { state version } }"
        self.mutate("publishAnnouncement", who, selection, **self.about(version))

    @rule(
        step=st.sampled_from(ENDS),
        who=st.sampled_from(("manager", "both", "seller")),
        version=st.sampled_from((None, 0, -1, -1)),
    )
    def end(self, step: str, who: str, version: int | None) -> None:
        input_ = self.about(version)
        selection = "{ announcement { state version } }"
        if step == "withdrawAnnouncement":
            input_["reason"] = "to see"
        if step == "deleteAnnouncement":
            selection = "{ announcementId }"
        self.mutate(step, who, selection, **input_)

    @rule(
        who=st.sampled_from(WHO),
        days=st.sampled_from((-1, 2, 5)),  # none comes due by itself meanwhile
        local=st.booleans(),
        version=st.sampled_from((None, 0)),
    )
    def schedule(self, who: str, days: int, local: bool, version: int | None) -> None:
        input_ = self.about(version)
        if local:
            input_["wallClock"] = _in_days(days)[:16]
        else:
            input_["publishTime"] = _in_days(days)
        self.mutate("scheduleAnnouncement", who, "{ announcement { state version } }", **input_)

    @rule(
        who=st.sampled_from(WHO),
        what=st.sampled_from(
            ({"title": "Other margins"}, {"body": "Much."}, {"neverExpires": True}, {"days": 7})
        ),
        version=st.sampled_from((None, None, 0, -1)),
    )
    def update(self, who: str, what: dict[str, Any], version: int | None) -> None:
        input_ = {**self.about(version), **what}
        if "days" in what:
            input_["expireTime"] = _in_days(input_.pop("days"))
        self.mutate("updateAnnouncement", who, "{ announcement { version } }", **input_)

    @rule(who=st.sampled_from(WHO), locale=st.sampled_from(("de", "fr")), put=st.booleans())
    def translate(self, who: str, locale: str, put: bool) -> None:
        input_ = {**self.about(None), "locale": locale}
        if put:
            input_ |= {"title": "Neue Margen", "body": "Sie sind besser."}
        step = "putTranslation" if put else "deleteTranslation"
        self.mutate(step, who, "{ announcement { version } }", **input_)

    @rule(who=st.sampled_from(("both", "seller")))
    def see(self, who: str) -> None:
        selection = "{ receipts { state } }"
        self.mutate("markAnnouncementsSeen", who, selection, announcementIds=[self.id])

    @rule(who=st.sampled_from(("both", "seller")))
    def acknowledge(self, who: str) -> None:
        told = self.mutate(
            "acknowledgeAnnouncement", who, "{ receipt { state } }", announcementId=self.id
        )
        assert told is None  # nothing asks for it

    def about(self, version: int | None) -> dict[str, Any]:
        """The announcement, and the version that is known, or one before."""
        input_: dict[str, Any] = {"announcementId": self.id}
        if version is not None and self.before:
            input_["expectedVersion"] = max(1, self.before["version"] + version)
        return input_

    def look(self, who: str, document: str = LOOK) -> dict[str, Any] | None:
        """The announcement as somebody sees it."""
        found = self.stage.wait(self.stage.people[who](document, id=self.id))["announcement"]
        return dict(found) if found is not None else None

    def check(self, *, changed: bool) -> None:
        """States and versions go one way, and walls hold."""
        if not self.id:
            return
        now, before = self.look("manager"), self.before
        if now is None:
            assert not before or (changed and before["state"] == "DRAFT"), before
            self.before = {}
            assert self.look("both") is None
            return
        assert before, now  # what was discarded stays away
        if not changed:
            assert now == before
        state = now["state"]
        assert state == before["state"] or state in AFTER[before["state"]], (before, now)
        assert now["version"] >= before["version"]
        corrections = now["correctionCount"]
        assert corrections >= before["correctionCount"]
        assert not corrections or before["state"] in OUT or state in OUT, now
        assert (now["publishTime"] is None) <= (state in ("DRAFT", "WITHDRAWN")), now
        assert now["locales"][0] == "en"
        assert len(set(now["locales"])) == len(now["locales"]), now
        assert self.look("seller") is None
        self.check_reader(now)
        self.before = now

    def check_reader(self, now: dict[str, Any]) -> None:
        """Only what is out is shown to who is told, and a receipt never goes back."""
        seen = self.look("both", RECEIPT)
        if not self.told or now["state"] in ("DRAFT", "SCHEDULED"):
            assert seen is None, now
        elif now["state"] != "WITHDRAWN":
            assert seen is not None, now
            assert seen["title"] == now["title"], now
        receipt = (seen or {}).get("receipt") or {}
        state = receipt.get("state") if seen else self.receipt
        if now["state"] != "WITHDRAWN":
            assert ORDER.index(state) >= ORDER.index(self.receipt), (state, self.receipt)
            self.receipt = state


def _in_days(days: int) -> str:
    return (moment.now() + timedelta(days=days, minutes=1)).isoformat()


def test_any_sequence_leaves_announcements_consistent(stage: Stage) -> None:
    run(Announcements, stage, least=5)
