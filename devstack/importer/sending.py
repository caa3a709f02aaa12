"""Sends every question, then every answer, then what replies to these: each after its parent."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from devstack.importer.batches import Batch, Spools, batches
from devstack.importer.client import Guildhall, ImportRefusedError
from devstack.importer.files import Files

IN_FLIGHT = 4


@dataclass(frozen=True, slots=True)
class Sent:
    questions: int = 0
    answers: int = 0
    already_there: int = 0

    @property
    def total(self) -> int:
        return self.questions + self.answers + self.already_there


class Sending:
    def __init__(
        self,
        guildhall: Guildhall,
        space_id: str,
        source: str,
        on_progress: Callable[[int], None],
        files: Files | None = None,
    ) -> None:
        self._guildhall = guildhall
        self._space_id = space_id
        self._source = source
        self._on_progress = on_progress
        self._files = files
        self._created = 0
        self._already_there = 0

    @property
    def stored(self) -> int:
        """Posts the server has acknowledged so far, also when the sending broke off."""
        return self._created + self._already_there

    async def send(self, spools: Spools) -> Sent:
        await self._send_all(batches(spools.questions))
        created_questions = self._created
        await self._send_all(batches(spools.answers))
        await self._send_all(batches(spools.nested))
        return Sent(created_questions, self._created - created_questions, self._already_there)

    async def _send_all(self, waiting: Iterator[Batch]) -> None:
        """Returns when all were acknowledged; the first refusal ends the others."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(IN_FLIGHT):
                    group.create_task(self._work(waiting))
        except* ImportRefusedError as refusals:
            raise _first(refusals) from None

    async def _work(self, waiting: Iterator[Batch]) -> None:
        # All workers take from the one iterator, so batches are begun in the file's order.
        for batch in waiting:
            if self._files is not None:
                batch = await self._files.attached(batch)
            imported = await self._guildhall.import_posts(self._space_id, self._source, batch)
            self._created += imported.created
            self._already_there += imported.already_there
            self._on_progress(self.stored)


def _first(refusals: BaseExceptionGroup[ImportRefusedError]) -> ImportRefusedError:
    first = refusals.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
