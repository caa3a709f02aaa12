"""A must-read opened by thousands at once: receipts and acknowledgements through the gateway."""

from __future__ import annotations

import asyncio
import statistics
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bench.asking import Line, body
from bench.contents import Contents, Filling, surely
from bench.measuring import Spent
from bench.running import Running
from chassis.actors import current_actor
from chassis.timestamps import timestamp_of
from gateway.cursors import encode_id
from guildhall.forum.v1 import announcements_pb2 as pb
from guildhall.forum.v1.announcements_pb2_grpc import AnnouncementServiceStub

if TYPE_CHECKING:
    from guildhall.forum.v1.announcements_pb2_grpc import AnnouncementServiceAsyncStub

ROUNDS = 3
LINES = 64
GOAL = 833  # a second: 50,000 people within a minute
_PATIENCE = 60.0  # seconds a list of who is told may take to be written
SEE = """mutation See($input: MarkAnnouncementsSeenInput!) {
  markAnnouncementsSeen(input: $input) { receipts { state seeTime } }
}"""
ACKNOWLEDGE = """mutation Acknowledge($input: AcknowledgeAnnouncementInput!) {
  acknowledgeAnnouncement(input: $input) { receipt { state acknowledgeTime } }
}"""
NAMES = {"see": "seen", "again": "seen again", "acknowledge": "acknowledged"}


@dataclass
class Found:
    """Of each thing that people do, round by round."""

    people: int
    spent: dict[str, Spent] = field(default_factory=lambda: {name: Spent() for name in NAMES})
    rates: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in NAMES})


class Announcing(Filling):
    """Publishes what all members are to read."""

    def __init__(self, running: Running) -> None:
        super().__init__(running)
        self._announcements: AnnouncementServiceAsyncStub = self._channels.client(
            AnnouncementServiceStub, "forum"
        )

    async def must_read(self, contents: Contents) -> str:
        """The id of a new one whose list of people is written."""
        about: dict[str, Any] = {"community_id": contents.community_id}
        channel = await surely(
            self._announcements.CreateChannel,
            pb.CreateChannelRequest(
                **about,
                request_id=f"bench-{uuid.uuid4()}",
                slug=f"bench-{uuid.uuid4().hex[:12]}",
                name="Bench",
                theme=pb.CHANNEL_THEME_OTHER,
            ),
        )
        draft = await surely(
            self._announcements.CreateAnnouncement,
            pb.CreateAnnouncementRequest(
                **about,
                request_id=f"bench-{uuid.uuid4()}",
                channel_id=channel.channel.id,
                title="New margins",
                body="They are better.",
                severity=pb.ANNOUNCEMENT_SEVERITY_MUST_READ,
                requires_acknowledgement=True,
                deadline=timestamp_of(datetime.now(UTC) + timedelta(days=9)),
            ),
        )
        about["announcement_id"] = draft.announcement.id
        publish = pb.PublishAnnouncementRequest(**about, request_id=f"bench-{uuid.uuid4()}")
        await surely(self._announcements.PublishAnnouncement, publish)
        async with asyncio.timeout(_PATIENCE):
            while not (await self.summary(about)).companies:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.1)
        return str(draft.announcement.id)

    async def summary(self, about: dict[str, Any]) -> pb.GetReceiptSummaryResponse:
        """How many have seen it."""
        request = pb.GetReceiptSummaryRequest(**about)
        answer: pb.GetReceiptSummaryResponse = await surely(
            self._announcements.GetReceiptSummary, request
        )
        return answer


async def measure(running: Running, contents: Contents, people: int, rounds: int = ROUNDS) -> Found:
    """In each round everybody sees a new must-read, sees it again, and acknowledges it."""
    announcing, found = Announcing(running), Found(people)
    await announcing.people(people)
    manager = await announcing.manager()
    lines = running.unnamed(LINES)
    for number in range(rounds + 1):
        current_actor.set(manager)
        announcement_id = await announcing.must_read(contents)
        await running.at_rest()
        tokens = running.tokens(people)
        id_ = encode_id("Announcement", contents.community_id, announcement_id)
        see = body(SEE, input={"announcementIds": [id_]})
        acknowledge = body(
            ACKNOWLEDGE, input={"requestId": f"bench-{uuid.uuid4()}", "announcementId": id_}
        )
        for name, asked in (("see", see), ("again", see), ("acknowledge", acknowledge)):
            before, began = running.watched.cpu(), time.monotonic()
            await _each(lines, tokens, asked)
            took = time.monotonic() - began
            await running.at_rest()  # what follows is part of the price
            if number:  # the first round only warms up
                found.spent[name].add(before, running.watched.cpu(), people)
                found.rates[name].append(people / took)
        about = {"community_id": contents.community_id, "announcement_id": announcement_id}
        counts = await announcing.summary(about)
        if (counts.seen, counts.acknowledged) != (people, people):
            raise AssertionError(f"of {people} people there are receipts like these: {counts}")
    for line in lines:
        line.close()
    await announcing.close()
    return found


async def _each(lines: list[Line], tokens: list[str], asked: bytes) -> None:
    """Everybody once, each by the next connection that is free."""
    todo = iter(tokens)

    async def keep_asking(line: Line) -> None:
        for token in todo:
            line.speak_for(token)
            await line.ask(asked)

    await asyncio.gather(*map(keep_asking, lines))


def report(found: Found) -> list[str]:
    """The section's lines."""
    names = list(found.spent["see"].names)
    rates = {name: statistics.median(some) for name, some in found.rates.items()}
    return [
        f"{found.people:,} people, {len(found.rates['see'])} rounds, in each a new must-read that "
        f"all of them are told: everybody asks once for each thing, with a token of their own, by "
        f"the next of {LINES} connections that is free; who asks runs on the same processors. "
        "Medians. What follows (domain events of acknowledgements) is counted until nothing more "
        "is said, with what the system does at rest. Each round's receipts were counted: all "
        "there, none more.",
        "",
        f"| | {' | '.join(NAMES.values())} |",
        f"| --- |{' --- |' * len(NAMES)}",
        f"| **people a second** | {' | '.join(f'**{rates[name]:.0f}**' for name in NAMES)} |",
        f"| goal: 50,000 within a minute | >= {GOAL} | | |",
        _row("ms of CPU a person, all processes and engines", [s.total for s in _spent(found)]),
        *(_row(part, [spent.of(part) for spent in _spent(found)]) for part in names),
    ]


def _spent(found: Found) -> list[Spent]:
    return [found.spent[name] for name in NAMES]


def _row(title: str, values: list[float]) -> str:
    return f"| {title} | {' | '.join(f'{value:.2f}' for value in values)} |"
