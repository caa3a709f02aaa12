"""Looking into files outside of this process: nothing a decoder does reaches the forum."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
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
    """A process a file, few at once."""

    def __init__(self, *, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def inspect(self, data: bytes, kind: FileType) -> Content:
        """What to keep. Refuses with TYPE_MISMATCH, FILE_UNSAFE."""
        if kind.starts and not data.startswith(kind.starts):
            raise TypeMismatchError(f"this is no {kind.name}", field="attachment_id")
        async with self._free:
            # Once more: a process may end for reasons that are not the file's.
            answer = await self._run(data, kind.name) or await self._run(data, kind.name)
        if not answer:  # out of memory, out of time, or out of its mind
            raise FileUnsafeError("it could not be opened", field="attachment_id")
        head, _, kept = answer.partition(b"\n")
        told = json.loads(head)
        if "code" in told:
            raise _REFUSALS[told["code"]](told["why"], field="attachment_id")
        return Content(kept, told["width"], told["height"])

    async def _run(self, data: bytes, kind: str) -> bytes:
        """What the process says; nothing where it ended otherwise than by itself."""
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
        except (RuntimeError, ConnectionError):  # it ended before it took the file: uvloop, asyncio
            answer = b""
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            _log.warning("a process that looks into files ended with %d", process.returncode)
            return b""
        return answer
