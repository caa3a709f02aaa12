"""Looking into files outside of this process: nothing a decoder does reaches the forum."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from services.forum.converters import inspection
from services.forum.domain.attachments import Content, FileUnsafeError
from services.forum.domain.file_types import FileType, TypeMismatchError

_log = logging.getLogger(__name__)
TIMEOUT = 4.0  # seconds; who waits has six for all that is done
_AT_ONCE = 2
_PROGRAM = Path(inspection.__file__)
_REFUSALS = {inspection.MISMATCH: TypeMismatchError, inspection.UNSAFE: FileUnsafeError}


class Inspector:
    """A process a file, few at once.

    Threads wait for them, not the event loop: what uvloop starts is forked with all handlers of
    gRPC, and a child that dies there looks like a file that killed its decoder.
    """

    def __init__(self, *, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(_AT_ONCE, "inspector")

    async def inspect(self, data: bytes, kind: FileType) -> Content:
        """What to keep. Refuses with TYPE_MISMATCH, FILE_UNSAFE."""
        if kind.starts and not data.startswith(kind.starts):
            raise TypeMismatchError(f"this is no {kind.name}", field="attachment_id")
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._threads, self._look, data, kind.name)
        head, _, kept = answer.partition(b"\n")
        told = json.loads(head)
        if "code" in told:
            raise _REFUSALS[told["code"]](told["why"], field="attachment_id")
        return Content(kept, told["width"], told["height"])

    def _look(self, data: bytes, kind: str) -> bytes:
        """What the process says."""
        # Once more: a process may end for reasons that are not the file's.
        for _ in range(2):
            try:
                process = subprocess.run(  # noqa: S603 - our own program
                    (sys.executable, "-I", str(_PROGRAM), kind),
                    input=data,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    timeout=self._timeout,
                    env={},
                )
            except subprocess.TimeoutExpired:
                raise FileUnsafeError("it takes too long to open", field="attachment_id") from None
            if process.returncode == 0:
                return process.stdout
            _log.warning("a process that looks into files ended with %d", process.returncode)
        # out of memory, or out of its mind
        raise FileUnsafeError("it could not be opened", field="attachment_id")
