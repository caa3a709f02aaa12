"""The figures, counted from the stores themselves, and whether anything is still under way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from nats.js.errors import NotFoundError

from chassis import dead_letters, outbox
from chassis.decisions import Document
from chassis.messaging import OUTAGES, Bus, durable_name, stream_name
from chassis.mongo import Database
from tests.chaos.counters import COMMUNITY, CONSUMER, LEDGER, PRODUCER, STROKES

FAULTS = ("lost", "twice", "disordered", "stuck")
_EXAMPLES = 5


@dataclass
class Figures:
    """What the trial found; all but `acknowledged` must be 0."""

    acknowledged: int = 0
    lost: int = 0
    twice: int = 0
    disordered: int = 0
    stuck: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Nothing is wrong."""
        return not any(getattr(self, name) for name in FAULTS)

    def note(self, name: str, what: str, number: int = 1) -> None:
        """Count a fault and keep it as an example of its kind."""
        setattr(self, name, getattr(self, name) + number)
        if sum(line.startswith(name) for line in self.notes) < _EXAMPLES:
            self.notes.append(f"{name}: {what}")

    def __str__(self) -> str:
        return f"acknowledged {self.acknowledged}, " + ", ".join(
            f"{name} {getattr(self, name)}" for name in FAULTS
        )


async def backlog(theirs: Database, ours: Database, bus: Bus) -> dict[str, int]:
    """What is not done yet, by where it waits; empty: all is quiet. May raise outages."""
    waiting = {
        f"unpublished by the {part}": await database[outbox.COLLECTION].count_documents(
            {"st": outbox.PENDING}
        )
        for part, database in ((PRODUCER, theirs), (CONSUMER, ours))
    }
    try:
        info = await bus.js.consumer_info(stream_name(PRODUCER), durable_name(CONSUMER, PRODUCER))
        waiting["undelivered"] = info.num_pending or 0
        waiting["unacknowledged deliveries"] = info.num_ack_pending or 0
    except NotFoundError:
        waiting["durable missing"] = 1
    except OUTAGES:
        waiting["bus away"] = 1
    parked = {"state": dead_letters.PARKED}
    waiting["parked"] = await ours[dead_letters.COLLECTION].count_documents(parked)
    return {where: number for where, number in waiting.items() if number}


async def count(
    theirs: Database, ours: Database, acknowledged: Mapping[str, int], waiting: Mapping[str, int]
) -> Figures:
    """Compare what clients were told with what is stored, and what was said with what was heard."""
    figures = Figures(acknowledged=len(acknowledged))
    for where, number in waiting.items():
        figures.note("stuck", f"{number} {where}", number)
    strokes = await theirs[STROKES].find().to_list()
    _count_commands(figures, strokes, acknowledged)
    states = {row["_id"]: row async for row in theirs.counters.find()}
    _count_states(figures, states, strokes)
    said: dict[str, list[int]] = {}
    async for row in theirs[outbox.COLLECTION].find({}, {"agg": 1, "seq": 1}).sort("seq", 1):
        said.setdefault(row["agg"], []).append(row["seq"])
    for id_, seqs in said.items():
        if seqs != list(range(1, states[id_]["seq"] + 1)):
            figures.note("disordered", f"{id_} at {states[id_]['seq']} has said {seqs}")
    heard = {row["_id"]: row["heard"] async for row in ours.standings.find()}
    entries = await ours[LEDGER].find({"community_id": COMMUNITY}).to_list()
    ledger = Counter((row["counter"], row["seq"]) for row in entries)
    for id_, seqs in said.items():
        _count_effects(figures, id_, seqs, heard.get(id_, []), ledger)
    return figures


def _count_commands(
    figures: Figures, strokes: list[Document], acknowledged: Mapping[str, int]
) -> None:
    done: dict[str, list[int]] = {}
    for row in strokes:
        done.setdefault(row["request"], []).append(row["seq"])
    for request, version in acknowledged.items():
        if version not in done.get(request, []):
            figures.note("lost", f"{request} was answered {version}, stored {done.get(request)}")
    for request, versions in done.items():
        if len(versions) > 1:
            figures.note("twice", f"{request} was stored as {versions}", len(versions) - 1)


def _count_states(
    figures: Figures, states: Mapping[str, Document], strokes: list[Document]
) -> None:
    for id_, number in Counter(row["counter"] for row in strokes).items():
        counted = states[id_]["count"] if id_ in states else 0
        if counted != number:
            name = "lost" if counted < number else "twice"
            figures.note(name, f"{id_} counts {counted}, struck {number}", abs(counted - number))


def _count_effects(
    figures: Figures,
    id_: str,
    said: list[int],
    heard: list[int],
    ledger: Mapping[tuple[str, int], int],
) -> None:
    times = Counter(heard)
    for seq in said:
        entries = ledger.get((id_, seq), 0)
        if not (times[seq] and entries):
            figures.note("lost", f"{id_} {seq}: {times[seq]} effects, {entries} entries")
        elif (most := max(times[seq], entries)) > 1:
            figures.note("twice", f"{id_} {seq}: {times[seq]} effects, {entries} entries", most - 1)
    firsts = list(dict.fromkeys(heard))
    if firsts != sorted(firsts):
        figures.note("disordered", f"{id_} was heard as {heard}")
