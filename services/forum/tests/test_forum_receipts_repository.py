"""Receipts on the real engine: one write a receipt, and the store tests whether it may be seen."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.errors import DuplicateKeyError

from chassis.actors import Actor
from chassis.errors import DomainError
from chassis.pagination import Paging
from guildhall.forum.v1 import announcements_pb2 as pb
from services.forum.domain.announcements.announcement import Announcement, AnnouncementNotFoundError
from services.forum.domain.announcements.audiences import Reader
from services.forum.domain.announcements.channels import ChannelNotFoundError
from services.forum.domain.announcements.receipts import Receipt
from services.forum.repository import AnnouncementFilter, ForumRepository
from services.forum.repository.walls import LIFETIME
from services.forum.tests.announcing import (
    CHIEF,
    GERMAN,
    GOLD,
    OUTSIDER,
    SILVER,
    Town,
    ahead,
    partner,
)
from services.forum.tests.test_forum_announcements_servicer import (
    GOLDEN,
    GONE,
    TIERED,
    refused,
)

PASSER_BY = partner("passer-by", "co5")  # on no list


async def load(town: Town, id_: str) -> Announcement:
    found = await town.world.repository.find_announcement("c1", id_)
    assert found is not None
    return found


async def see(town: Town, actor: Actor, now: datetime, *ids: str) -> list[pb.Receipt]:
    request = pb.MarkAnnouncementsSeenRequest(community_id="c1", announcement_ids=ids)
    answer = await town.use_cases.mark_announcements_seen(actor, request, now)
    return list(answer.receipts)


async def operations(town: Town) -> list[str]:
    """What the store was asked since the profile was begun: the command and its collection."""
    await town.world.database.command("profile", 0)
    rows = await town.world.database["system.profile"].find({}).sort("ts", 1).to_list()
    await town.world.database["system.profile"].drop()
    return [f"{next(iter(row['command']))} {row['ns'].split('.', 1)[1]}" for row in rows]


async def test_a_receipt_is_one_read_and_one_write(town: Town) -> None:
    channel = await town.channel()
    first, second = [await town.published(channel) for _ in range(2)]
    await town.act("PutTranslation", first, locale="de", title="Neu", body="Besser.")
    await see(town, SILVER, ahead(), first.id)  # which channels are open is known from now on
    for ids, asked in (
        ([first.id], ["find announcements", "findandmodify receipts"]),
        (
            [first.id, second.id],
            ["find announcements", "q receipts", "q receipts", "find receipts"],
        ),
    ):
        await town.world.database.command("profile", 2)
        assert len(await see(town, GERMAN, ahead(), *ids)) == len(ids)
        assert [one.lower() for one in await operations(town)] == asked


# -- what people do at once is done together


async def at_once(*calls: Awaitable[Any]) -> list[Any]:
    """The answers, or the names of the refusals."""
    answers = await asyncio.gather(*calls, return_exceptions=True)
    return [one.reason() if isinstance(one, DomainError) else one for one in answers]


async def test_many_who_see_and_acknowledge_it_at_once_share_queries(town: Town) -> None:
    one = await town.must_read(await town.channel())
    people = [partner(f"p{n}", f"co{n % 7}") for n in range(30)]
    await see(town, SILVER, ahead(), one.id)
    await town.world.database.command("profile", 2)
    answers = await at_once(*(see(town, person, ahead(), one.id) for person in people))
    assert [receipt.person_id for (receipt,) in answers] == [one.person_id for one in people]
    assert Counter(map(str.lower, await operations(town))) == {
        "find announcements": 1,
        "q receipts": 30,  # of one bulk
        "find receipts": 1,
    }

    async def acknowledge(person: Actor) -> pb.AcknowledgeAnnouncementResponse:
        request = pb.AcknowledgeAnnouncementRequest(
            request_id="acknowledge-1", community_id="c1", announcement_id=one.id
        )
        return await town.use_cases.acknowledge_announcement(person, request, ahead())

    await town.world.database.command("profile", 2)
    acknowledged = await at_once(*map(acknowledge, people))
    assert [answer.receipt.person_id for answer in acknowledged] == [p.person_id for p in people]
    asked = Counter(map(str.lower, await operations(town)))
    for query in ("find announcements", "find receipts", "find commands", "insert commands"):
        assert asked[query] == 1, query
    assert (await town.world.said()).count("AnnouncementAcknowledged") == 30


async def test_copies_for_many_cost_what_they_cost_for_one(town: Town) -> None:
    one = await town.must_read(await town.channel())
    for locale in ("de", "fr"):
        title = f"Neu ({locale})"
        await town.act("PutTranslation", one, locale=locale, title=title, body="Besser.")
    people = [
        partner(f"p{number:02}", f"co{number % 7}", locale=("", "de", "fr")[number % 3])
        for number in range(50)
    ]
    await see(town, people[0], ahead(), one.id)
    town.directory.add(*people)
    ids = [person.person_id for person in people]
    costs = []
    for some in (ids[1:2], ids):
        calls = town.directory.calls
        await town.world.database.command("profile", 2)
        _, copies = await town.use_cases.copies_for("c1", one.id, some, ahead())
        # Which channels are open is asked for once a second, whoever asks.
        asked = [query for query in await operations(town) if query != "find channels"]
        costs.append((asked, town.directory.calls - calls))
        assert sorted(copies) == some
    announcement = "find announcements"  # once for services, once behind the walls
    texts = ["find receipts", "find announcement_translations"]
    assert costs == [([announcement, announcement, *texts], 1)] * 2
    for person, copy in zip(people, copies.values(), strict=True):  # as each gets it who calls
        reader = Reader.of(person, "c1")
        found = await town.world.repository.find_announcements(reader, [one.id])
        assert [copy] == await town.world.repository.copies(reader, found, (), ahead())
    assert Counter(copy.title for copy in copies.values()) == {
        "New margins": 17,
        "Neu (de)": 17,
        "Neu (fr)": 16,
    }
    assert [one.person_id for one in people if copies[one.person_id].receipt] == ["p00"]


async def test_copies_are_those_of_each_ones_keys_and_clock(town: Town) -> None:
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=9)
    town.directory.add(GOLD, time_zone="Europe/Berlin")
    town.directory.add(SILVER, time_zone="Asia/Tokyo")
    town.directory.add(PASSER_BY)
    everybody = ["gold", "silver", "german", "chief", "passer-by", "nobody"]

    async def copies(one: pb.Announcement, now: datetime) -> list[str]:
        _, found = await town.use_cases.copies_for("c1", one.id, everybody, now)
        return sorted(found)

    channel, inner = await town.channel(), await town.channel("inner", **TIERED)
    golden = await town.published(channel, audience_rule=GOLDEN)
    assert await copies(golden, ahead()) == ["gold"]
    within = await town.published(inner)
    assert await copies(within, ahead()) == ["chief", "gold"]
    draft = await town.draft(channel)
    assert await copies(draft, ahead()) == []  # managers neither
    await town.act("ScheduleAnnouncement", draft, wall_clock=f"{day:%Y-%m-%d}T12:00")
    await town.wake(day)
    await town.use_cases.freeze_audiences()
    assert await copies(draft, day + timedelta(hours=3)) == ["silver"]
    assert await copies(draft, day + timedelta(hours=11)) == ["gold", "silver"]
    assert await copies(draft, day + timedelta(hours=12)) == sorted(everybody[:-1])
    withdrawn = await town.published(channel)
    town.directory.add(partner("late", "co9"))
    everybody.append("late")
    await town.act("WithdrawAnnouncement", withdrawn, reason="Wrong.")
    assert "late" not in await copies(withdrawn, ahead())
    assert "silver" in await copies(withdrawn, ahead())


async def test_of_those_who_come_at_once_each_is_behind_their_own_walls(town: Town) -> None:
    news = await town.channel()
    plain = await town.published(news)
    golden = await town.published(news, audience_rule=GOLDEN)
    inner = await town.published(await town.channel("inner", **TIERED))
    draft = await town.draft(news)
    withdrawn = await town.published(news)
    await town.act("WithdrawAnnouncement", withdrawn, reason="Wrong.")
    before = await town.world.database.receipts.find({"see_time": None}).to_list()
    everybody = (GOLD, SILVER, GERMAN, CHIEF)
    hidden = [golden.id, inner.id, draft.id, withdrawn.id, "nothing"]
    answers = await at_once(
        *(see(town, actor, ahead(), id_) for id_ in hidden for actor in everybody),
        see(town, OUTSIDER, ahead(), plain.id),
        *(see(town, actor, ahead(), plain.id) for actor in everybody),
    )
    gone = "ANNOUNCEMENT_NOT_FOUND"
    seen = [one if isinstance(one, str) else one[0].person_id for one in answers]
    assert seen == [
        *("gold", gone, gone, gone),
        *("gold", gone, gone, "chief"),  # of the vendor, who can read every channel
        *(gone for _ in (*everybody, *everybody, *everybody)),
        "COMMUNITY_NOT_FOUND",
        *("gold", "silver", "german", "chief"),
    ]
    after = await town.world.database.receipts.find({"see_time": None}).to_list()
    assert len(before) - len(after) == 7
    assert {row["_id"] for row in before} > {row["_id"] for row in after}
    stranger = Reader("c2", "gold", GOLD.keys("c1"))  # with the keys of another community
    find = town.world.repository.find_announcements
    readers = [Reader.of(GOLD, "c1"), stranger, Reader.of(CHIEF, "c1"), Reader.of(SILVER, "c1")]
    found = await at_once(*(find(reader, [plain.id, draft.id, inner.id]) for reader in readers))
    assert [sorted(one.id for one in some) for some in found] == [
        sorted([plain.id, inner.id]),
        [],
        sorted([plain.id, draft.id, inner.id]),
        [plain.id],
    ]


async def test_whatever_rules_there_are_readers_at_once_find_what_each_finds_alone(
    town: Town,
) -> None:
    random_ = random.Random(7)  # noqa: S311 - repeatable
    tiers, companies, locales = ("gold", "silver"), ("co1", "co2"), ("de", "fr")
    places = ("DACH", "UK & Ireland")

    def some(of: Sequence[str]) -> list[str]:
        return random_.sample(of, random_.randint(0, len(of)))

    channels = [await town.channel(), await town.channel("inner", **TIERED)]
    ids = ["nothing"]
    for number in range(12):
        rule = pb.AudienceRule(
            tiers=some(tiers), locales=some(locales), territories=some(places) * (number % 3 == 0)
        )
        draft = await town.draft(channels[number % 2], audience_rule=rule)
        ids.append(draft.id)
        await town.world.database.announcements.update_one(
            {"_id": draft.id},
            {"$set": {"read_keys": [f"channel:{channels[number % 2].id}"]}}
            if number % 5
            else {"$set": {"company_keys": [f"company:{random_.choice(companies)}@c1"]}},
        )
    readers = [
        Reader.of(
            partner(
                f"p{number}",
                random_.choice(companies),
                tier=random_.choice(("", *tiers)),
                territories=some(places),
                locale=random_.choice(("", *locales)),
            ),
            "c1",
        )
        for number in range(30)
    ]
    wanted = [random_.sample(ids, random_.randint(1, 8)) for _ in readers]
    find = ForumRepository(town.world.database).find_announcements
    together = await at_once(*map(find, readers, wanted))
    alone = [await find(reader, some) for reader, some in zip(readers, wanted, strict=True)]
    assert [sorted(one.id for one in found) for found in together] == [
        sorted(one.id for one in found) for found in alone
    ]
    assert 20 < sum(map(len, alone)) < sum(map(len, wanted)) / 2


async def test_receipt_that_cannot_be_stored_fails_alone(town: Town) -> None:
    one = await load(town, (await town.published(await town.channel())).id)
    repository, now = town.world.repository, ahead()
    unwritable = "\ud800"
    marked = await at_once(
        *(repository.mark_seen([one], person, "co5", now) for person in ("a", unwritable, "b"))
    )
    assert [marked[0][one.id].person_id, marked[2][one.id].person_id] == ["a", "b"]
    assert isinstance(marked[1], UnicodeError)
    stored = await town.world.database.receipts.distinct("person_id", {"see_time": now})
    assert stored == ["a", "b"]


# -- clocks, and who is the fastest


async def test_nobody_marks_what_their_clock_does_not_show_yet(town: Town) -> None:
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=9)
    town.directory.add(GOLD, time_zone="Europe/Berlin")
    town.directory.add(SILVER, time_zone="Asia/Tokyo")
    channel = await town.channel()
    plain = await town.published(channel)
    draft = await town.draft(channel)
    noon = f"{day:%Y-%m-%d}T12:00"
    await town.act("ScheduleAnnouncement", draft, wall_clock=noon)
    await town.wake(day)
    await town.use_cases.freeze_audiences()
    minute = timedelta(minutes=1)
    for actor, due in (
        (SILVER, day + timedelta(hours=3)),
        (PASSER_BY, day + timedelta(hours=12)),
    ):
        before = await town.world.stored()
        with pytest.raises(AnnouncementNotFoundError):
            await see(town, actor, due - minute, draft.id)
        assert await town.world.stored() == before
        (seen,) = await see(town, actor, due, draft.id)
        assert seen.see_time.ToDatetime(UTC) == due
        assert seen.in_audience == (actor is SILVER)
    # Of several, what is shown is marked, and the rest is as it was.
    (seen,) = await see(town, GERMAN, day + timedelta(hours=12) - minute, plain.id, draft.id)
    assert seen.announcement_id == plain.id
    known = await load(town, draft.id)
    (receipt,) = (await town.world.repository.find_receipts("german", [known])).values()
    assert receipt.see_time is None
    # Out on all clocks, it is everybody's, whatever a receipt says.
    await town.world.database.receipts.update_one(
        {"_id": f"{draft.id}-german"}, {"$set": {"deliver_time": day + timedelta(days=30)}}
    )
    assert len(await see(town, GERMAN, day + timedelta(days=1), draft.id)) == 1


async def test_first_time_counts_and_names_are_taken_as_they_are(town: Town) -> None:
    one = await load(town, (await town.must_read(await town.channel())).id)
    repository, now = town.world.repository, ahead()
    for person_id, company_id in (("gold", "co1"), ("$state", "$see_time")):
        marked = await repository.mark_seen([one], person_id, company_id, now)
        later = await repository.mark_seen([one], person_id, "co9", now + timedelta(hours=1))
        assert later == marked == await repository.find_receipts(person_id, [one])
        receipt = marked[one.id]
        assert (receipt.company_id, receipt.see_time) == (company_id, now)
    assert await repository.mark_seen([], "gold", "co1", now) == {}


@pytest.mark.parametrize("count", [1, 3])
async def test_marks_made_at_once_are_one_receipt_each(town: Town, count: int) -> None:
    channel = await town.channel()
    ids = [(await town.published(channel)).id for _ in range(count)]
    found = [await load(town, id_) for id_ in ids]
    now = ahead()

    async def mark(number: int) -> dict[str, Receipt]:
        time = now + timedelta(milliseconds=number)
        return await ForumRepository(town.world.database).mark_seen(found, "new", "co5", time)

    answers = await asyncio.gather(*map(mark, range(20)))
    assert all(answer == answers[0] for answer in answers)
    assert set(answers[0]) == set(ids)
    stored = await town.world.database.receipts.count_documents({"person_id": "new"})
    assert stored == count


async def test_who_was_not_the_fastest_marks_what_the_other_made(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await load(town, (await town.published(await town.channel())).id)
    mark, now = ForumRepository._mark_once, ahead()
    faults = 0

    async def beaten(self: ForumRepository, wanted: Any) -> Any:
        nonlocal faults
        if faults:
            faults -= 1
            await mark(ForumRepository(town.world.database), wanted)
            raise DuplicateKeyError("somebody else was faster")
        return await mark(self, wanted)

    monkeypatch.setattr(ForumRepository, "_mark_once", beaten)
    faults = 1
    marked = await town.world.repository.mark_seen([one], "new", "co5", now)
    assert marked[one.id].see_time == now
    faults = 2
    with pytest.raises(DuplicateKeyError):
        await town.world.repository.mark_seen([one], "newer", "co5", now)


# -- which channels are open is remembered


async def found_by(replica: ForumRepository, actor: Actor, id_: str) -> list[str]:
    return [one.id for one in await replica.find_announcements(Reader.of(actor, "c1"), [id_])]


async def listed_by(replica: ForumRepository, actor: Actor, channel_id: str) -> list[str]:
    found = await replica.list_announcements(
        Reader.of(actor, "c1"), AnnouncementFilter(channel_id), Paging(9), ahead()
    )
    return [one.id for one in found]


async def narrow(town: Town, channel: pb.Channel) -> None:
    """For gold companies only from now on."""
    await town.call(CHIEF, "UpdateChannel", channel_id=channel.id, **TIERED)


async def listed_is_refused(replica: ForumRepository, channel: pb.Channel) -> bool:
    with pytest.raises(ChannelNotFoundError):
        await listed_by(replica, SILVER, channel.id)
    return True


async def test_what_this_replica_shuts_is_shut_at_once(town: Town) -> None:
    channel = await town.channel()
    one = await town.must_read(channel)
    repository = town.world.repository
    assert await listed_by(repository, SILVER, channel.id) == [one.id]
    assert await repository.count_unread_announcements(
        {"c1": SILVER.keys("c1")}, "silver", ahead()
    ) == (1, 1)
    await narrow(town, channel)
    assert await listed_is_refused(repository, channel)
    gone = ("ANNOUNCEMENT_NOT_FOUND", "announcement_ids")
    about = {"announcement_ids": [one.id]}
    assert await refused(town, SILVER, "MarkAnnouncementsSeen", **about) == gone
    assert await refused(town, SILVER, "AcknowledgeAnnouncement", announcement_id=one.id) == GONE
    assert await repository.count_unread_announcements(
        {"c1": SILVER.keys("c1")}, "silver", ahead()
    ) == (0, 0)
    assert len(await see(town, GOLD, ahead(), one.id)) == 1


async def test_what_another_replica_shuts_is_shut_within_the_second(town: Town) -> None:
    channel = await town.channel()
    one = await town.published(channel)
    other = ForumRepository(town.world.database)
    assert await found_by(other, SILVER, one.id) == [one.id]
    await narrow(town, channel)
    shut = time.monotonic()
    while await found_by(other, SILVER, one.id):
        assert time.monotonic() < shut + LIFETIME + 1
    assert await listed_is_refused(other, channel)


async def test_what_another_replica_opens_is_found_at_once(town: Town) -> None:
    await town.channel()
    other = ForumRepository(town.world.database)
    await found_by(other, SILVER, "nothing")
    channel = await town.channel("new")
    one = await town.published(channel)
    assert await found_by(other, SILVER, one.id) == [one.id]
    other = ForumRepository(town.world.database)
    await found_by(other, SILVER, "nothing")
    newer = await town.channel("newer")
    two = await town.published(newer)
    assert await listed_by(other, SILVER, newer.id) == [two.id]
