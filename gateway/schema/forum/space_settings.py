"""How a space is run, in GraphQL: its settings as they are, and what changes of them."""

from __future__ import annotations

from enum import Enum
from typing import Any

import strawberry

from gateway.schema.scalars import Markdown, TopicKind
from gateway.schema.writes import number
from guildhall.forum.v1 import forum_pb2


@strawberry.enum(description="Whom a space takes topics or replies of. Moderators always may.")
class PostingRight(Enum):
    """forum.PostingRight."""

    ALL = strawberry.enum_value(
        forum_pb2.POSTING_RIGHT_ALL, description="All members who can read it."
    )
    REGULAR = strawberry.enum_value(
        forum_pb2.POSTING_RIGHT_REGULAR,
        description="Members of the trust level REGULAR and above.",
    )
    VENDOR = strawberry.enum_value(
        forum_pb2.POSTING_RIGHT_VENDOR, description="The vendor's people."
    )
    MODERATORS = strawberry.enum_value(
        forum_pb2.POSTING_RIGHT_MODERATORS, description="Moderators only."
    )


@strawberry.enum(description="How many replies may answer a question.")
class AcceptedAnswers(Enum):
    """forum.AcceptedAnswers."""

    SINGLE = forum_pb2.ACCEPTED_ANSWERS_SINGLE
    SEVERAL = forum_pb2.ACCEPTED_ANSWERS_SEVERAL


@strawberry.type(description="What the composer begins a topic of a kind with.")
class TopicTemplate:
    """forum.TopicTemplate."""

    kind: TopicKind = strawberry.field(description="The kind.")
    body: Markdown = strawberry.field(description="The text to begin with.")


@strawberry.type(description="Which tags the topics of a space may have.")
class TagRules:
    """forum.TagRules."""

    allowed_tags: list[str] = strawberry.field(description="These only; where empty, any.")
    most: int = strawberry.field(description="How many tags a topic may have.")
    max_length: int = strawberry.field(description="How many characters a tag may have.")
    required: bool = strawberry.field(description="Whether a topic needs one at least.")


@strawberry.type(description="How a space is run.")
class SpaceSettings:
    """forum.SpaceSettings."""

    kinds: list[TopicKind] = strawberry.field(description="The kinds of topics that it takes.")
    templates: list[TopicTemplate] = strawberry.field(description="One a kind at most.")
    tag_rules: TagRules = strawberry.field(description="Which tags its topics may have.")
    may_post: PostingRight = strawberry.field(description="Who may begin topics.")
    may_reply: PostingRight = strawberry.field(description="Who may reply.")
    slow_mode_seconds: int = strawberry.field(
        description="Seconds between two replies of one person in a topic; 0: no slow mode."
    )
    accepted_answers: AcceptedAnswers = strawberry.field(
        description="How many replies may answer a question."
    )
    edit_window_minutes: int = strawberry.field(
        description="How long authors may edit what was published; 0: always. Articles: always."
    )
    newcomer_edit_window_minutes: int = strawberry.field(
        description="The same for members of the trust level NEW; 0: as for all others."
    )
    own_close_reasons: list[str] = strawberry.field(
        description="Reasons to close a topic, beside those of CloseReason."
    )
    down_votes: bool = strawberry.field(description="Whether posts may be voted against.")
    article_review_days: int = strawberry.field(
        description="Days from when an article goes out until somebody is to look at it again "
        "(reviewDueTime); 0: only when its owner or a moderator names a date."
    )


@strawberry.input(description="What the composer begins a topic of a kind with.")
class TopicTemplateInput:
    """Of SpaceSettingsInput."""

    kind: TopicKind = strawberry.field(description="The kind.")
    body: Markdown = strawberry.field(description="The text to begin with.")


@strawberry.input(description="Which tags the topics of a space may have; replaces all rules.")
class TagRulesInput:
    """Of SpaceSettingsInput."""

    allowed_tags: list[str] | None = strawberry.field(
        default=None, description="These only, at most 100; left out or empty: any."
    )
    most: int | None = strawberry.field(default=None, description="1 to 5; by default 5.")
    max_length: int | None = strawberry.field(default=None, description="1 to 35; by default 35.")
    required: bool = strawberry.field(
        default=False, description="Whether a topic needs one at least."
    )


@strawberry.input(description="What changes of a space's settings; what is left out stays.")
class SpaceSettingsInput:
    """forum.SpaceSettingsChange."""

    kinds: list[TopicKind] | None = strawberry.field(
        default=None,
        description="The kinds of topics that it takes; a new space takes questions and "
        "discussions.",
    )
    templates: list[TopicTemplateInput] | None = strawberry.field(
        default=None, description="In place of all templates."
    )
    tag_rules: TagRulesInput | None = strawberry.field(
        default=None, description="In place of all rules."
    )
    may_post: PostingRight | None = strawberry.field(
        default=None, description="Who may begin topics."
    )
    may_reply: PostingRight | None = strawberry.field(default=None, description="Who may reply.")
    slow_mode_seconds: int | None = strawberry.field(
        default=None,
        description="Seconds between two replies of one person in a topic; 0: no slow mode, a day "
        "at most.",
    )
    accepted_answers: AcceptedAnswers | None = strawberry.field(
        default=None, description="How many replies may answer a question."
    )
    edit_window_minutes: int | None = strawberry.field(
        default=None, description="How long authors may edit what was published; 0: always."
    )
    newcomer_edit_window_minutes: int | None = strawberry.field(
        default=None,
        description="The same for members of the trust level NEW, in a new space an hour; 0: as "
        "for all others.",
    )
    own_close_reasons: list[str] | None = strawberry.field(
        default=None, description="In place of all; 20 at most, each up to 80 characters."
    )
    down_votes: bool | None = strawberry.field(
        default=None, description="Whether posts may be voted against; in a new space they may not."
    )
    article_review_days: int | None = strawberry.field(
        default=None,
        description="Days from when an article goes out until it is looked at again, 1098 at most; "
        "in a new space 365; 0: only when somebody names a date.",
    )


def settings_change(settings: Any) -> forum_pb2.SpaceSettingsChange | None:
    """As the forum takes it."""
    if settings is None:
        return None
    rules = settings.tag_rules
    return forum_pb2.SpaceSettingsChange(
        kinds=[kind.value for kind in settings.kinds or ()],
        update_kinds=settings.kinds is not None,
        templates=[
            forum_pb2.TopicTemplate(kind=one.kind.value, body=one.body)
            for one in settings.templates or ()
        ],
        update_templates=settings.templates is not None,
        tag_rules=rules
        and forum_pb2.TagRules(
            allowed_tags=rules.allowed_tags,
            most=rules.most,
            max_length=rules.max_length,
            required=rules.required,
        ),
        may_post=number(settings.may_post),
        may_reply=number(settings.may_reply),
        slow_mode_seconds=settings.slow_mode_seconds,
        accepted_answers=number(settings.accepted_answers),
        edit_window_minutes=settings.edit_window_minutes,
        newcomer_edit_window_minutes=settings.newcomer_edit_window_minutes,
        own_close_reasons=settings.own_close_reasons,
        update_own_close_reasons=settings.own_close_reasons is not None,
        down_votes=settings.down_votes,
        article_review_days=settings.article_review_days,
    )
