"""Whom and what a post refers to: people it mentions, posts it quotes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.errors import FailedPreconditionError, InvalidArgumentError
from chassis.texts import check_body
from chassis.values import value
from services.forum.domain.members import Author, Member

MAX_QUOTES = 10
MAX_QUOTE = 2000


class MentionsTooManyError(InvalidArgumentError):
    """A post mentions so many people at most, fewer where nobody knows its author yet."""


class QuoteInvalidError(InvalidArgumentError):
    """One quotes the very words of a post that is out and that one can see."""


class QuoteTooNarrowError(FailedPreconditionError):
    """Not everybody who would read the quote can read what it is from."""


@value
class PostRef:
    """A topic, or one of its replies."""

    topic_id: str
    reply_id: str = ""

    @property
    def id(self) -> str:
        """Topics and replies have ids of one kind."""
        return self.reply_id or self.topic_id


@value
class Quote:
    """Words of another post. They are shown to whoever can read them there, as long as they stand.

    So a quote never says more than its source, whatever becomes of the wall around that.
    """

    source: PostRef
    text: str

    def stands_in(self, text: str) -> bool:
        """Whether these words are in the text; how the lines break does not matter."""
        return _plain(self.text) in _plain(text)


@value
class References:
    """All that one post refers to."""

    mentioned_ids: tuple[str, ...] = ()  # persons
    quotes: tuple[Quote, ...] = ()


NO_REFERENCES = References()


@dataclass(frozen=True, slots=True)
class Mention:
    """Somebody is spoken to in a post, which they may see or not: that is asked when it is read."""

    community_id: str
    post: PostRef
    person_id: str
    author_id: str
    time: datetime

    @property
    def id(self) -> str:
        """One a post and person, wherever the post goes."""
        return f"{self.post.id}:{self.person_id}"


@dataclass(frozen=True, slots=True)
class ShownMention:
    """A mention in a post that the person can see."""

    mention: Mention
    post: PostRef  # where it is now: replies move
    author: Author  # as it says today


@dataclass(frozen=True, slots=True)
class ShownQuote:
    """A quote whose source the reader can see."""

    quote: Quote
    author: Author  # of the source


@dataclass(frozen=True, slots=True)
class QuotesOfPost:
    """Those of its quotes that the reader can see."""

    post: PostRef
    quotes: tuple[ShownQuote, ...]


def check_mentioned_ids(ids: Sequence[str], member: Member, most: int) -> tuple[str, ...]:
    """Each once, oneself never. Refuses with MENTIONS_TOO_MANY."""
    mentioned = tuple(dict.fromkeys(one for one in ids if one != member.person_id))
    if len(mentioned) > most:
        raise MentionsTooManyError(f"at most {most} people a post", field="mentioned_ids")
    return mentioned


def check_quotes(quotes: Sequence[Quote]) -> tuple[Quote, ...]:
    """Refuses with QUOTE_INVALID, TEXT_INVALID."""
    if len(quotes) > MAX_QUOTES:
        raise QuoteInvalidError(f"at most {MAX_QUOTES} quotes a post", field="quotes")
    return tuple(
        Quote(one.source, check_body(one.text, f"quotes.{index}.text", most=MAX_QUOTE))
        for index, one in enumerate(quotes)
    )


def newly_mentioned(
    before: References, after: References, *, was_out: bool, is_out: bool
) -> tuple[str, ...]:
    """Who is to hear of it: all when a post comes out, then those that an edit adds."""
    if not is_out:
        return ()
    known = before.mentioned_ids if was_out else ()
    return tuple(one for one in after.mentioned_ids if one not in known)


def added_mentions(after: References, *before: References) -> int:
    """How many people an edit mentions who were not."""
    known = {one for references in before for one in references.mentioned_ids}
    return sum(one not in known for one in after.mentioned_ids)


def _plain(text: str) -> str:
    return " ".join(text.split())
