"""A space's settings as they are stored; what a space made before them lacks is the default."""

from __future__ import annotations

from datetime import timedelta

from chassis.decisions import Document
from services.forum.domain.kinds import TopicKind
from services.forum.domain.space_settings import (
    DEFAULT_SETTINGS,
    AcceptedAnswers,
    PostingRight,
    SpaceSettings,
    TagRules,
)

_ARTICLE_REVIEW = DEFAULT_SETTINGS.article_review.total_seconds()


def settings_document(settings: SpaceSettings) -> Document:
    """Durations in seconds."""
    rules = settings.tag_rules
    return {
        "kinds": [kind.value for kind in settings.kinds],
        "templates": [{"kind": kind.value, "body": body} for kind, body in settings.templates],
        "tag_rules": {
            "allowed_tags": list(rules.allowed_tags),
            "most": rules.most,
            "max_length": rules.max_length,
            "required": rules.required,
        },
        "may_post": settings.may_post.value,
        "may_reply": settings.may_reply.value,
        "slow_mode": settings.slow_mode.total_seconds(),
        "accepted_answers": settings.accepted_answers.value,
        "edit_window": settings.edit_window.total_seconds(),
        "newcomer_edit_window": settings.newcomer_edit_window.total_seconds(),
        "own_close_reasons": list(settings.own_close_reasons),
        "down_votes": settings.down_votes,
        "article_review": settings.article_review.total_seconds(),
    }


def settings(document: Document) -> SpaceSettings:
    """Back from settings_document; an empty one is that of a space from before there were any."""
    if not document:
        return DEFAULT_SETTINGS
    rules = document["tag_rules"]
    return SpaceSettings(
        kinds=tuple(TopicKind(kind) for kind in document["kinds"]),
        templates=tuple((TopicKind(one["kind"]), one["body"]) for one in document["templates"]),
        tag_rules=TagRules(
            tuple(rules["allowed_tags"]), rules["most"], rules["max_length"], rules["required"]
        ),
        may_post=PostingRight(document["may_post"]),
        may_reply=PostingRight(document["may_reply"]),
        slow_mode=timedelta(seconds=document["slow_mode"]),
        accepted_answers=AcceptedAnswers(document["accepted_answers"]),
        edit_window=timedelta(seconds=document["edit_window"]),
        newcomer_edit_window=timedelta(seconds=document["newcomer_edit_window"]),
        own_close_reasons=tuple(document["own_close_reasons"]),
        down_votes=document.get("down_votes", False),
        article_review=timedelta(seconds=document.get("article_review", _ARTICLE_REVIEW)),
    )
