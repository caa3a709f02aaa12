"""`python -m devstack.importer FILE COMMUNITY/SPACE`: reads a dump whole, then sends it."""

import argparse
import asyncio
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from devstack.importer.batches import Spools
from devstack.importer.client import Guildhall, ImportRefusedError
from devstack.importer.dump import dump_files
from devstack.importer.files import Files
from devstack.importer.formats import FORMATS
from devstack.importer.progress import Stage
from devstack.importer.reading import Reading, read
from devstack.importer.sending import Sending, Sent

_SPACE = re.compile(r"([a-z0-9][a-z0-9-]{0,62})/([a-z0-9][a-z0-9-]{0,62})")
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,99}")


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m devstack.importer",
        description="Import another community's posts into a space. Run twice, it imports once.",
    )
    parser.add_argument(
        "file",
        type=Path,
        help="a Stack Exchange data dump (its directory, or Posts.xml without comments), a "
        "Discourse backup (its directory, with uploads, or dump.sql), or a CSV",
    )
    parser.add_argument("space", help="<community>/<space>, for example aurora/general")
    parser.add_argument(
        "--person",
        default=os.environ.get("PERSON") or None,
        help="who imports (PERSON); by default manager@<community>.example",
    )
    parser.add_argument(
        "--token",
        default=os.environ.get("GUILDHALL_TOKEN") or None,
        help="an access token (GUILDHALL_TOKEN); by default got by signing the person in",
    )
    parser.add_argument("--url", default=os.environ.get("GUILDHALL_URL") or "http://127.0.0.1:8080")
    parser.add_argument(
        "--source",
        help="names the site; the same for each newer dump of it, another for another site; "
        "by default the format's name",
    )
    parser.add_argument("--format", choices=sorted(FORMATS), help="by default by its content")
    parser.add_argument(
        "--category",
        action="append",
        default=[],
        metavar="NAME",
        help="only of this category of a Discourse backup, by name or slug; may be given again",
    )
    parser.add_argument("--check", action="store_true", help="only read and check the file")
    options = parser.parse_args(arguments)
    space = _SPACE.fullmatch(options.space)
    if not space:
        parser.error(f"SPACE is <community>/<space>, not {options.space!r}")
    if options.source is not None and not _SOURCE.fullmatch(options.source):
        parser.error("--source takes 1 to 100 letters, digits and :._-")
    url = urlsplit(options.url)
    if url.scheme not in {"http", "https"} or not url.hostname:
        parser.error(f"GUILDHALL_URL is an address like http://127.0.0.1:8080, not {options.url!r}")
    options.community, options.space = space.groups()
    options.person = options.person or f"manager@{options.community}.example"
    return options


def _token_source(person: str, token: str | None) -> Callable[[], str]:
    if token is not None:
        return lambda: token

    def sign_in() -> str:
        try:
            # Only here: with a token of one's own no provider has to run.
            from devstack.token import access_token

            return access_token(person)
        # Whatever keeps a provider from answering is one line to whoever imports.
        except (Exception, SystemExit) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ImportRefusedError(f"{person} could not be signed in: {reason}") from error

    return sign_in


async def _send(
    options: argparse.Namespace, spools: Spools, notes: Counter[str], console: Console
) -> Sent:
    total = spools.count
    guildhall = Guildhall(options.url, options.person, _token_source(options.person, options.token))
    try:
        community_id, space_id = await guildhall.find_space(options.community, options.space)
        folder = dump_files(options.file)[0].parent
        files = Files(guildhall, community_id, space_id, options.source, folder, notes)
        with Stage("sending", total, console) as stage:
            sending = Sending(
                guildhall, space_id, options.source, lambda done: stage.update(done, done), files
            )
            try:
                return await sending.send(spools)
            except ImportRefusedError as refusal:
                raise ImportRefusedError(
                    f"{refusal}; {sending.stored:,} of {total:,} posts are in, "
                    "run it again to go on"
                ) from None
    finally:
        await guildhall.close()


def _summary(options: argparse.Namespace, sent: Sent, reading: Reading, seconds: float) -> str:
    created = sent.questions + sent.answers
    return (
        f"imported {sent.questions:,} questions and {sent.answers:,} answers ({created:,} posts) "
        f"into {options.community}/{options.space} in {seconds:.1f} s: "
        f"{sent.total / max(seconds, 0.001):,.0f} posts/s; "
        f"already there: {sent.already_there:,}{_left_out(reading)}"
    )


def _left_out(reading: Reading) -> str:
    """What did not come along, and why."""
    kinds = [f"{count:,} {why}" for why, count in reading.skipped.most_common()]
    text = f"; skipped: {reading.skipped.total():,}"
    if kinds:
        text += f" ({', '.join(kinds)})"
    notes = [f"{count:,} {what}" for what, count in reading.notes.most_common()]
    return f"{text}; {', '.join(notes)}" if notes else text


def run(options: argparse.Namespace, console: Console, errors: Console) -> int:
    started = time.monotonic()
    with Spools() as spools:
        files = [file for file in dump_files(options.file) if file and file.is_file()]
        size = sum(file.stat().st_size for file in files)
        with Stage("reading", size, console) as stage:
            reading = read(
                options.file, spools, stage.update, options.format or "", options.category
            )
        if reading.problems:
            for line in reading.problems.lines():
                errors.print(line, markup=False, highlight=False, soft_wrap=True)
            errors.print("nothing was imported", highlight=False)
            return 1
        options.source = options.source or reading.site
        if options.check:
            seconds = time.monotonic() - started
            questions = spools.questions.count
            console.print(
                f"{questions:,} questions and {spools.count - questions:,} answers can be "
                f"imported; {spools.count / max(seconds, 0.001):,.0f} posts/s{_left_out(reading)}",
                highlight=False,
                soft_wrap=True,
            )
            return 0
        try:
            sent = asyncio.run(_send(options, spools, reading.notes, console))
        except ImportRefusedError as refusal:
            errors.print(str(refusal), markup=False, highlight=False, soft_wrap=True)
            return 1
    summary = _summary(options, sent, reading, time.monotonic() - started)
    console.print(summary, markup=False, highlight=False, soft_wrap=True)
    return 0


def main(arguments: list[str] | None = None) -> int:
    options = _arguments(sys.argv[1:] if arguments is None else arguments)
    errors = Console(stderr=True)
    try:
        return run(options, Console(), errors)
    except KeyboardInterrupt:
        errors.print("stopped; run it again to go on where it was", highlight=False)
        return 130


if __name__ == "__main__":
    sys.exit(main())
