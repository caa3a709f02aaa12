"""`python -m devstack.mail`: a mail server that delivers nothing, but keeps each mail as a file."""

from __future__ import annotations

import asyncio
import itertools
import re
import signal
from datetime import UTC, datetime
from pathlib import Path

from aiosmtpd import smtp
from pydantic_settings import BaseSettings, SettingsConfigDict

_MOST_BYTES = 4 << 20


class MailSettings(BaseSettings):
    """MAIL_PORT and MAIL_FOLDER."""

    model_config = SettingsConfigDict(env_prefix="MAIL_")

    port: int
    folder: Path


class Catcher:
    """Takes every mail to anybody."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)
        folder.mkdir(parents=True, exist_ok=True)

    async def handle_DATA(  # noqa: N802 - as aiosmtpd calls it
        self, server: smtp.SMTP, session: smtp.Session, envelope: smtp.Envelope
    ) -> str:
        """A file that any mail program opens, named by when and to whom."""
        recipient = re.sub(r"[^\w.@+-]", "_", envelope.rcpt_tos[0])[:80]
        name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{next(self._numbers):04}-{recipient}.eml"
        (self._folder / name).write_bytes(envelope.original_content or b"")
        return "250 OK"


async def serve(settings: MailSettings) -> None:
    """Until told to stop."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    catcher = Catcher(settings.folder)

    def session() -> smtp.SMTP:
        return smtp.SMTP(catcher, hostname="localhost", data_size_limit=_MOST_BYTES, loop=loop)

    server = await loop.create_server(session, "127.0.0.1", settings.port)
    print(f"mails go to {settings.folder}", flush=True)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(MailSettings()))
