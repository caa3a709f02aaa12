"""Receipts on the whole system: who was told an announcement, as files for its managers."""

from __future__ import annotations

import csv
import json
import uuid
from pathlib import Path

import pytest

from tests.system import BOREALIS_MANAGER, ENGINEER, MANAGER, System, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
COMMUNITY = "query C($slug: String!) { community(slug: $slug) { id } }"
VIEWER = "{ viewer { person { displayName } } }"
STATE = "query A($id: ID!) { announcement(id: $id) { audienceState } }"
BANNERS = "{ banners { id } }"


async def test_receipts_are_written_for_managers_only(system: System, tmp_path: Path) -> None:
    manager, engineer = await system.asker(MANAGER), await system.asker(ENGINEER)
    word = f"w{uuid.uuid4().hex[:10]}"
    community = (await manager(COMMUNITY, slug="aurora"))["community"]["id"]
    channel = await manager.mutate(
        "createChannel", "{ channel { id } }", communityId=community, slug=word, name=word,
        theme="OTHER",
    )  # fmt: skip
    made = await manager.mutate(
        "createAnnouncement", "{ announcement { id } }", channelId=channel["channel"]["id"],
        title=word, body="To be taken on.", severity="MUST_READ", requiresAcknowledgement=True,
        deadline="2999-01-01T00:00:00Z",
    )  # fmt: skip
    id_ = made["announcement"]["id"]
    await manager.mutate("publishAnnouncement", "{ announcement { id } }", announcementId=id_)
    await until(
        lambda: manager(STATE, id=id_),
        lambda answer: answer["announcement"]["audienceState"] == "FROZEN",
    )
    assert {"id": id_} in (await engineer(BANNERS))["banners"]
    await engineer.mutate("acknowledgeAnnouncement", "{ receipt { state } }", announcementId=id_)
    assert {"id": id_} not in (await engineer(BANNERS))["banners"]

    sheet, lines = tmp_path / "told.csv", tmp_path / "told.jsonl"
    done = system.run("devstack.receipts", id_, str(sheet))
    assert done.returncode == 0, done.stderr
    with sheet.open(encoding="utf-8-sig", newline="") as text:
        rows = list(csv.DictReader(text))
    name = (await engineer(VIEWER))["viewer"]["person"]["displayName"]
    (own,) = [row for row in rows if row["name"] == name]
    assert (own["state"], own["inAudience"]) == ("ACKNOWLEDGED", "yes")
    assert own["acknowledgeTime"]
    assert own["deadline"].startswith("2999-01-01")
    assert len(rows) > 1
    done = system.run("devstack.receipts", id_, str(lines), "--states", "DELIVERED", "SEEN")
    assert done.returncode == 0, done.stderr
    others = [json.loads(line) for line in lines.read_text().splitlines()]
    assert len(others) == len(rows) - 1
    assert {row["state"] for row in others} == {"DELIVERED"}

    for person, reason in ((ENGINEER, "ROLE_REQUIRED"), (BOREALIS_MANAGER, "no such announcement")):
        refused = system.run(
            "devstack.receipts", id_, str(tmp_path / "refused.csv"), "--person", person
        )
        assert refused.returncode == 1
        assert reason in refused.stderr
    assert not (tmp_path / "refused.csv").exists()
