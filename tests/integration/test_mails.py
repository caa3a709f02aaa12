"""A must-read is mailed to whom it is for, by the whole system, and to nobody else."""

from __future__ import annotations

import uuid
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from devstack.parts import GATEWAY
from tests.system import ENGINEER, MANAGER, System, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

MAILING = """query M($id: ID!) { announcement(id: $id) { mailing {
  mails { queued sent dropped } reminders { sent } } } }"""


def mails_about(system: System, title: str) -> list[EmailMessage]:
    """What the mail server was given."""
    found = []
    for path in sorted(system.place.mail.glob("*.eml")):
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        assert isinstance(message, EmailMessage)
        if title in message["Subject"]:
            found.append(message)
    return found


async def test_a_must_read_is_mailed_to_whom_it_is_for(system: System) -> None:
    manager = await system.asker(MANAGER)
    found = await manager('{ community(slug: "aurora") { id } }')
    made = await manager.mutate(
        "createChannel",
        "{ channel { id } }",
        communityId=found["community"]["id"],
        slug=f"mails-{uuid.uuid4().hex[:8]}",
        name="Mails",
        theme="OTHER",
    )
    title = f"Margins {uuid.uuid4().hex}"
    draft = await manager.mutate(
        "createAnnouncement",
        "{ announcement { id } }",
        channelId=made["channel"]["id"],
        title=title,
        body="They are *better*.",
        severity="MUST_READ",
        requiresAcknowledgement=True,
        deadline="2999-01-01T00:00:00Z",
        audienceRule={"roles": ["MANAGER"]},
    )
    id_ = draft["announcement"]["id"]
    assert mails_about(system, title) == []
    await manager.mutate("publishAnnouncement", "{ announcement { id } }", announcementId=id_)

    async def mailing() -> dict[str, Any]:
        asked = await manager(MAILING, id=id_)
        mails: dict[str, Any] = asked["announcement"]["mailing"]
        return mails

    sent = await until(mailing, lambda one: one["mails"]["sent"], seconds=30)
    assert sent == {"mails": {"queued": 0, "sent": 1, "dropped": 0}, "reminders": {"sent": 0}}
    (mail,) = mails_about(system, title)
    assert mail["To"] == MANAGER
    html = mail.get_body(("html",))
    assert html is not None
    assert "They are <em>better</em>." in html.get_content()
    assert f"{system.place.url(GATEWAY)}/announcements/{id_}" in html.get_content()
    # Whoever it is not for is told neither of it nor of its mails.
    engineer = await system.asker(ENGINEER)
    assert (await engineer(MAILING, id=id_))["announcement"] is None
    await manager.mutate(
        "withdrawAnnouncement", "{ announcement { id } }", announcementId=id_, reason="a trial"
    )
