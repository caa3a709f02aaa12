"""What `make run` says when everything is up: where it is and how to sign in."""

from __future__ import annotations

import os
from pathlib import Path

from devstack.openid.people import COMPANIES, PASSWORD, PEOPLE
from devstack.parts import GATEWAY, Place


def welcome(place: Place, search_engine: str, note: str) -> str:
    """A short table for a person."""
    companies = {company.key: company.name for company in COMPANIES}
    search = f"{search_engine} ({note})" if note else search_engine
    facts = [
        ("GraphQL, GraphiQL", f"{place.url(GATEWAY)}/graphql"),
        ("Sign in", f"{place.url(GATEWAY)}/signin"),
        ("A token for scripts", f"make token PERSON={PEOPLE[0].email}"),
        ("Search engine", search),
        ("Data", _short(place.data)),
        ("Logs", _short(place.data / "logs")),
        ("Mails", _short(place.mail)),
    ]
    people = [(person.email, f"{person.name}, {companies[person.company]}") for person in PEOPLE]
    return "\n".join(
        [
            "",
            "Guildhall runs. Ctrl-C stops it, and keeps the data.",
            "",
            *_columns(facts),
            "",
            f"  People, all with the password {PASSWORD}:",
            *_columns(people),
            "",
        ]
    )


def _columns(rows: list[tuple[str, str]]) -> list[str]:
    width = max(len(first) for first, _ in rows)
    return [f"  {first:<{width}}   {second}" for first, second in rows]


def _short(path: Path) -> str:
    relative = os.path.relpath(path)
    return relative if not relative.startswith("..") else str(path)
