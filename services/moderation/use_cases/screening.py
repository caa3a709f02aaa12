"""Screening: rules made ready once a version, applied without stalling the process."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from chassis.errors import CommunityNotFoundError
from services.moderation.converters.patterns import active_rules
from services.moderation.domain import ActiveRule, Screening, Verdict, check_texts, screen
from services.moderation.repository import ModerationRepository

RPC_BUDGET = 0.25  # seconds of matching a caller may wait for; it gives up after 0.3
BUS_BUDGET = 3.0  # nobody waits for what is screened from the bus
MOST_RULES = 1000  # ready in one process, of all communities; each may take 1 MiB at worst
_INLINE = 20_000  # rules times characters that are matched faster than handed to a thread
_THREADS = 2

_Ready = tuple[int, Sequence[ActiveRule]]  # the policy's version and its rules


class Screener:
    """Screens texts by the policy as it is at that moment: a change holds at once, in other
    replicas within a second.
    """

    def __init__(self, repository: ModerationRepository, *, most_rules: int = MOST_RULES) -> None:
        self._repository = repository
        self._most_rules = most_rules
        self._ready: OrderedDict[str, _Ready] = OrderedDict()  # least recently used first
        self._preparing: dict[tuple[str, int], asyncio.Task[_Ready]] = {}
        self._threads = ThreadPoolExecutor(_THREADS, "screen")

    async def screen(
        self, community_id: str, texts: Sequence[str], *, budget: float = RPC_BUDGET
    ) -> Screening:
        """The verdict on these texts. Refuses with TEXT_INVALID, SCREENING_TOO_SLOW."""
        if not community_id:
            raise CommunityNotFoundError(field="community_id")
        texts = check_texts(texts)
        until = time.monotonic() + budget
        version, rules = await self._rules(community_id)
        if not rules:
            return Screening(Verdict.ALLOW, texts, policy_version=version)
        work = partial(
            screen,
            rules,
            texts,
            policy_version=version,
            in_time=lambda: time.monotonic() < until,
        )
        if len(rules) * sum(map(len, texts)) <= _INLINE:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _rules(self, community_id: str) -> _Ready:
        version = await self._repository.find_policy_version(community_id)
        if not version:
            return 0, ()
        ready = self._ready.get(community_id)
        if ready is not None and ready[0] >= version:
            self._ready.move_to_end(community_id)
            return ready
        key = (community_id, version)
        if (task := self._preparing.get(key)) is None:
            task = self._preparing[key] = asyncio.create_task(self._prepare(community_id))
            task.add_done_callback(partial(self._prepared, key))
        # Shielded: many may wait for it, and whoever gives up must not take it from the others.
        return await asyncio.shield(task)

    async def _prepare(self, community_id: str) -> _Ready:
        policy, version = await self._repository.find_policy(community_id)
        rules = await asyncio.get_running_loop().run_in_executor(
            self._threads, active_rules, policy
        )
        self._ready[community_id] = version, rules
        self._ready.move_to_end(community_id)
        while len(self._ready) > 1 and self._held() > self._most_rules:
            self._ready.popitem(last=False)
        return version, rules

    def _prepared(self, key: tuple[str, int], task: asyncio.Task[_Ready]) -> None:
        del self._preparing[key]
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody may be left

    def _held(self) -> int:
        return sum(len(rules) or 1 for _, rules in self._ready.values())
