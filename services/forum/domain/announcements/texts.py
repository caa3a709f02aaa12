"""What an announcement says: title and body, checked and screened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.texts import check_body
from services.forum.domain.texts import MAX_BODY, check_title

_MIN_BODY = 2
_MOST_NOTE = 500


@dataclass(frozen=True, slots=True)
class AnnouncementText:
    """In one language."""

    title: str
    body: str

    @classmethod
    def checked(cls, title: str, body: str) -> AnnouncementText:
        """Refuses with TEXT_INVALID."""
        return cls(check_title(title), check_body(body, "body", least=_MIN_BODY, most=MAX_BODY))

    @property
    def parts(self) -> tuple[str, str]:
        """What is screened."""
        return self.title, self.body

    def screened(self, parts: Sequence[str]) -> AnnouncementText:
        """With what the screen made of the parts. Refuses with TEXT_INVALID."""
        return self if tuple(parts) == self.parts else AnnouncementText.checked(*parts)


def check_note(note: str) -> str:
    """What a correction says of itself, or nothing. Refuses with TEXT_INVALID."""
    return check_body(note, "note", least=0, most=_MOST_NOTE)
