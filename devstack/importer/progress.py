"""How far the import is: a bar on a terminal, a line every two seconds elsewhere."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

LINE_SECONDS = 2.0


class Stage:
    """One stage of known size; `done` is how much of it was worked off."""

    def __init__(
        self,
        name: str,
        total: int,
        console: Console,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._total = max(1, total)
        self._console = console
        self._clock = clock
        self._next_line = clock() + LINE_SECONDS
        self._bar: Progress | None = None
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.fields[note]}"),
                TimeRemainingColumn(),
                console=console,
            )
            self._task = self._bar.add_task(name, total=self._total, note="")

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def update(self, done: int, posts: int) -> None:
        if self._bar:
            self._bar.update(self._task, completed=done, note=f"{posts:,} posts")
        elif self._clock() >= self._next_line:
            self._next_line = self._clock() + LINE_SECONDS
            share = min(100, 100 * done // self._total)
            self._console.print(f"{self._name}: {share} %, {posts:,} posts", highlight=False)
