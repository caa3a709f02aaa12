"""What is behind the walls: something of every kind and state that none of the outsiders may see.

Hidden texts say the same words as what everybody sees, and one word more that nothing else has.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from gateway.cursors import decode_id, decode_reply_id, encode_id, encode_reply_id

WORDS = "A question with an answer about grace"  # as visible things say
NEVER = uuid.UUID(int=0x51).hex  # an id that nothing ever had


@dataclass(frozen=True)
class Hidden:
    """One thing that outsiders may not know of."""

    kind: str  # as in global ids
    what: str
    community: str
    id: str
    topic: str = ""  # of replies
    known: bool = False  # the id alone is no secret: that of a person seen elsewhere

    @property
    def global_id(self) -> str:
        """As the gateway spells it."""
        return spelled(self.kind, self.community, self.id, self.topic)

    @property
    def missing_id(self) -> str:
        """The same of something that never was."""
        return spelled(self.kind, self.community, NEVER, self.topic)


def spelled(kind: str, community: str, id_: str, topic: str = "") -> str:
    """A global id."""
    if kind == "Reply":
        return encode_reply_id(community, topic, id_)
    return encode_id(kind, "platform" if kind in ("Person", "Company") else community, id_)


@dataclass
class Loot:
    """Everything that was hidden."""

    canary: str = field(default_factory=lambda: f"zq{uuid.uuid4().hex[:12]}")
    community: str = ""  # the hidden one, as services know it
    things: list[Hidden] = field(default_factory=list)
    # Texts by the name of a field that may take them.
    texts: dict[str, list[str]] = field(default_factory=dict)
    used: str = field(default_factory=lambda: f"used-{uuid.uuid4()}")  # a request id
    letters: list[str] = field(default_factory=list)
    cursors: list[str] = field(default_factory=list)  # of lists that insiders read

    def add(self, global_id: str, what: str, *, known: bool = False) -> Hidden:
        """By what the gateway calls it."""
        found = decode_id(global_id, "id")
        if found.kind == "Reply":
            reply = decode_reply_id(global_id, "id")
            thing = Hidden("Reply", what, reply.community_id, reply.id, reply.topic_id)
        else:
            thing = Hidden(found.kind, what, found.community_id, found.id, known=known)
        self.things.append(thing)
        return thing

    def of(self, kind: str) -> list[Hidden]:
        """All of one kind; a member is known by its person's id."""
        return [thing for thing in self.things if thing.kind == kind]

    def twin(self, text: str) -> str:
        """A text of the same shape that nobody ever said."""
        return text.replace(self.canary[:8], "zq000000")

    @property
    def secrets(self) -> list[str]:
        """What no outsider may ever be told."""
        ids = {thing.id for thing in self.things if not thing.known}
        return [self.canary, *sorted(ids)]
