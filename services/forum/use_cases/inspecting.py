"""Looking into files outside of this process: nothing a decoder does reaches the forum."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from services.forum.converters import inspection
from services.forum.domain.attachments import Content, FileUnsafeError
from services.forum.domain.file_types import FileType, TypeMismatchError

TIMEOUT = 4.0  # seconds; who waits has six for all that is done
_AT_ONCE = 2
_PROGRAM = Path(inspection.__file__)
_REFUSALS = {inspection.MISMATCH: TypeMismatchError, inspection.UNSAFE: FileUnsafeError}


class Inspector:
    """A process a file, few at once."""

    def __init__(self, *, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def inspect(self, data: bytes, kind: FileType) -> Content:
        """What to keep. Refuses with TYPE_MISMATCH, FILE_UNSAFE."""
        if kind.starts and not data.startswith(kind.starts):
            raise TypeMismatchError(f"this is no {kind.name}", field="attachment_id")
        async with self._free:
            answer = await self._run(data, kind.name)
        head, _, kept = answer.partition(b"\n")
        told = json.loads(head)
        if "code" in told:
            raise _REFUSALS[told["code"]](told["why"], field="attachment_id")
        return Content(kept, told["width"], told["height"])

    async def _run(self, data: bytes, kind: str) -> bytes:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", str(_PROGRAM), kind),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
        )
        try:
            async with asyncio.timeout(self._timeout):
                answer, _ = await process.communicate(data)
        except TimeoutError:
            raise FileUnsafeError("it takes too long to open", field="attachment_id") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode or not answer:  # out of memory, out of time, or out of its mind
            raise FileUnsafeError("it could not be opened", field="attachment_id")
        return answer
