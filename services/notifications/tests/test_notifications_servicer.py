"""MailingService over real gRPC: counts for managers, nothing for others."""

from __future__ import annotations

import pytest

from chassis.actors import MANAGER, MODERATOR
from chassis.errors import CommunityNotFoundError, RoleRequiredError
from chassis.testing import person_actor, service_actor, stored
from guildhall.notifications.v1 import mailings_pb2 as pb
from services.notifications.domain import MailKind
from services.notifications.tests.conftest import CallAs, House, now

REQUEST = pb.GetMailingRequest(community_id="c1", announcement_id="a1")
CHIEF = person_actor("chief", "c1", roles=[MANAGER])


async def test_managers_are_told_how_many(house: House, call_as: CallAs) -> None:
    del house.directory.emails["ben"]
    house.person("cem")
    house.post.of_recipient["cem@kestrel.example"] = "550 5.1.1 unknown"
    await house.begin()
    await house.sending.send_due(now())
    await house.begin(MailKind.REMINDER)
    got = (await call_as(CHIEF).GetMailing(REQUEST)).mailing
    assert got == pb.Mailing(
        community_id="c1",
        mails=pb.MailCounts(sent=1, bounced=1, dropped=1),
        reminders=pb.MailCounts(queued=3),
    )


async def test_others_are_told_nothing(house: House, call_as: CallAs) -> None:
    await house.begin()
    before = await stored(house.database)
    for actor in (
        person_actor("p1", "c1"),
        person_actor("mod", "c1", roles=[MODERATOR]),
        service_actor("gateway"),
    ):
        with pytest.raises(RoleRequiredError):
            await call_as(actor).GetMailing(REQUEST)
    elsewhere = person_actor("chief2", "c2", roles=[MANAGER])
    with pytest.raises(CommunityNotFoundError):
        await call_as(elsewhere).GetMailing(REQUEST)
    # A manager of c2 who asks there learns no more of a1 than of what there is not.
    theirs = pb.GetMailingRequest(community_id="c2", announcement_id="a1")
    missing = pb.GetMailingRequest(community_id="c2", announcement_id="a9")
    told, other = [(await call_as(elsewhere).GetMailing(one)).mailing for one in (theirs, missing)]
    assert told == other
    assert told.mails.ByteSize() == 0
    assert await stored(house.database) == before
