"""The list of who is told, read into the ledger page by page."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chassis.errors import UnavailableError
from chassis.testing import stored
from guildhall.forum.v1 import announcements_pb2 as forum_pb
from services.notifications.domain import Mailing, MailKind
from services.notifications.tests.conftest import TIME, House, now


async def begun(house: House, **fields: str) -> Mailing:
    mailing = Mailing("c1", fields.get("announcement_id", "a1"), MailKind.ANNOUNCEMENT)
    await house.store([house.repository.begin(mailing, TIME)])
    return mailing


async def test_every_page_is_read_once(house: House) -> None:
    for number in range(7):
        house.person(f"p{number}")
    await begun(house)
    await house.listing.list_mailings(now())
    assert len(await house.mails()) == 9
    assert house.forum.listed == 5
    assert await house.listing.list_mailings(now()) == 0


async def test_a_list_that_was_cut_off_goes_on_where_it_was(house: House) -> None:
    house.person("cem")
    mailing = await begun(house)
    assert await house.repository.queue(mailing, {"ann": TIME, "ben": TIME}, "ben")
    before = await house.database.mails.find_one({"person_id": "ann"})
    assert await house.repository.queue(mailing, {"ann": now()}, "ben")  # the same page again
    assert await house.database.mails.find_one({"person_id": "ann"}) == before
    await house.listing.list_mailings(now())
    assert house.forum.listed == 1
    assert list(await house.mails()) == ["ann", "ben", "cem"]


async def test_a_list_stops_where_it_is_withdrawn(house: House) -> None:
    mailing = await begun(house)
    await house.store([house.repository.stop("c1", "a1")])
    assert not await house.repository.queue(mailing, {"ann": TIME}, "ann")
    await house.listing.list_mailings(now())
    assert await house.mails() == {"ann": ("DROPPED", "ENDED")}
    assert house.forum.listed == 0


async def test_who_came_later_is_on_no_list(house: House) -> None:
    house.person("zoe", in_audience=False)
    await house.begin()
    assert list(await house.mails()) == ["ann", "ben"]


async def test_nobody_is_written_to_before_it_is_due_where_they_are(house: House) -> None:
    later = datetime(2999, 1, 1, tzinfo=UTC)
    house.person("zoe", deliver_time=later)
    await house.begin()
    assert await house.sending.send_due(now()) == 2
    assert house.post.recipients == ["ann@kestrel.example", "ben@kestrel.example"]
    row = await house.database.mails.find_one({"person_id": "zoe"})
    assert row is not None
    assert row["due_time"] == row["queue_time"] == later


@pytest.mark.parametrize("announcement_id", ["a1", "a2"])
async def test_what_is_gone_is_listed_for_nobody(house: House, announcement_id: str) -> None:
    house.forum.state = forum_pb.ANNOUNCEMENT_STATE_EXPIRED
    await begun(house, announcement_id=announcement_id)
    await house.listing.list_mailings(now())
    assert await house.mails() == {}
    assert await house.listing.list_mailings(now()) == 0


async def test_while_the_forum_is_away_the_list_waits(house: House) -> None:
    await begun(house)
    house.forum.away = True
    before = await stored(house.database)
    with pytest.raises(UnavailableError):
        await house.listing.list_mailings(now())
    assert await stored(house.database) == before
    house.forum.away = False
    await house.listing.list_mailings(now())
    assert len(await house.mails()) == 2
