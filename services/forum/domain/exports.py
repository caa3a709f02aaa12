"""What is taken away: who takes whose, and the records that there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from chassis.actors import MANAGER, Actor
from services.forum.domain.announcements.announcement import Correction, Translation
from services.forum.domain.announcements.audiences import Reader
from services.forum.domain.announcements.channels import Channel, ChannelFollow
from services.forum.domain.announcements.copies import Copy
from services.forum.domain.announcements.receipts import Receipt
from services.forum.domain.attachments import ListedAttachment
from services.forum.domain.drafts import ShownDraft
from services.forum.domain.feed.bookmarks import Bookmark
from services.forum.domain.feed.follows import Follow
from services.forum.domain.held_edits import PlacedEdit
from services.forum.domain.members import Member
from services.forum.domain.participation import Reaction, Reactions, Vote
from services.forum.domain.polls import Ballot, SeenPoll
from services.forum.domain.records import ModerationEntry, Revision
from services.forum.domain.references import Quote, ShownQuote
from services.forum.domain.replies import Reply
from services.forum.domain.spaces import Space
from services.forum.domain.topics import Topic

Record: TypeAlias = (
    Space
    | Topic
    | Reply
    | Revision
    | SeenPoll
    | Ballot
    | Reactions
    | ListedAttachment
    | Channel
    | Copy
    | Translation
    | Correction
    | Receipt
    | ModerationEntry
    | Vote
    | Reaction
    | Follow
    | ChannelFollow
    | Bookmark
    | ShownDraft
    | PlacedEdit
)


@dataclass(frozen=True, slots=True)
class Taker:
    """Who takes a community's or a person's content away, and what they hold for it."""

    reader: Reader
    moderator: bool
    person_id: str  # whose; empty: the whole community's

    @classmethod
    def of(cls, actor: Actor, community_id: str, person_id: str) -> Taker:
        """Refuses with COMMUNITY_NOT_FOUND, and with ROLE_REQUIRED what is not one's own."""
        member = Member.of(actor, community_id)
        if person_id != member.person_id:
            actor.require_role(community_id, MANAGER)
        return cls(Reader.of(actor, community_id), member.moderator, person_id)

    @property
    def community_id(self) -> str:
        """Of what."""
        return self.reader.community_id

    @property
    def keyring(self) -> tuple[str, ...]:
        """What opens it."""
        return self.reader.keyring

    @property
    def own(self) -> bool:
        """It is their own: what nobody else is told is in it."""
        return self.person_id == self.reader.person_id


@dataclass(frozen=True, slots=True)
class Exported:
    """A record, and where it is in the order of an export: kind, owner and id."""

    place: tuple[int, str, str]
    record: Record
    quotes: tuple[ShownQuote, ...] = ()  # in it, that the taker can read at their sources

    @property
    def quoted(self) -> tuple[Quote, ...]:
        """All that it quotes. A draft shows its own."""
        match self.record:
            case Topic(references=found) | Reply(references=found):
                return found.quotes
            case PlacedEdit(edit=edit):
                return edit.references.quotes
            case _:
                return ()

    @property
    def characters(self) -> int:
        """How much text it is to send; what is short by its kind takes no place."""
        quoted = sum(len(one.quote.text) for one in self.quotes)
        match self.record:
            case Topic() | Reply() | Revision() | Copy() | Translation() | Correction():
                return self.record.characters + quoted
            case PlacedEdit():
                return self.record.characters + quoted
            case ShownDraft():
                return self.record.draft.characters
            case _:
                return 0
