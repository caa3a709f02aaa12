"""How a disagreement is told: in names, with the story that led to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from guildhall.forum.v1 import forum_pb2 as fpb
from tests.walls.worlds.building import Builder


class LeakError(AssertionError):
    """The house and the model disagree; the story says how it came to it."""

    def __init__(self, builder: Builder, fact: str) -> None:
        super().__init__("\n".join([fact, "  in a world where", *builder.model.story]))


def named(builder: Builder) -> dict[str, str]:
    """What ids stand for, so that a story can be read."""
    model = builder.model
    things: Sequence[Any] = [*model.people, *model.companies]
    return {
        **{one.id: one.name for one in things},
        **{one.id: one.slug for one in model.communities},
        **{one.id: one.slug for one in model.spaces},
        **{one.id: one.name for one in model.groups},
        **{topic.id: f"{topic.title} ({topic.state})" for topic in model.topics},
        **{r.id: f"reply of {r.author.name} ({r.state})" for r in model.replies},
    }


def told_of(value: object, names: dict[str, str]) -> str:
    """In the story's words."""
    if isinstance(value, set | list | tuple):
        words: Iterable[object] = sorted(value, key=str) if isinstance(value, set) else value
        return f"[{', '.join(told_of(one, names) for one in words)}]"
    return names.get(value, str(value)) if isinstance(value, str) else str(value)


def shown_of(topic: fpb.Topic) -> tuple[str, str, int, str, str]:
    """As the model's `told`."""
    kind = fpb.TopicKind.Name(topic.kind).removeprefix("TOPIC_KIND_")
    state = fpb.TopicState.Name(topic.state).removeprefix("TOPIC_STATE_")
    return kind, state, topic.reply_count, topic.accepted_reply_id, topic.owner_id
