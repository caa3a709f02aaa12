"""A space's settings as a message, and what a change makes of them."""

from __future__ import annotations

from dataclasses import replace

from guildhall.forum.v1 import forum_pb2
from services.forum.converters import enums
from services.forum.domain import space_settings as rules
from services.forum.domain.space_settings import SpaceSettings

_AT = "settings"


def settings_to_proto(settings: SpaceSettings) -> forum_pb2.SpaceSettings:
    """All of them."""
    tags = settings.tag_rules
    return forum_pb2.SpaceSettings(
        kinds=[enums.TOPIC_KINDS[kind] for kind in settings.kinds],
        templates=[
            forum_pb2.TopicTemplate(kind=enums.TOPIC_KINDS[kind], body=body)
            for kind, body in settings.templates
        ],
        tag_rules=forum_pb2.TagRules(
            allowed_tags=tags.allowed_tags,
            most=tags.most,
            max_length=tags.max_length,
            required=tags.required,
        ),
        may_post=enums.POSTING_RIGHTS[settings.may_post],
        may_reply=enums.POSTING_RIGHTS[settings.may_reply],
        slow_mode_seconds=int(settings.slow_mode.total_seconds()),
        accepted_answers=enums.ACCEPTED_ANSWERS[settings.accepted_answers],
        edit_window_minutes=int(settings.edit_window.total_seconds()) // 60,
        newcomer_edit_window_minutes=int(settings.newcomer_edit_window.total_seconds()) // 60,
        own_close_reasons=settings.own_close_reasons,
        down_votes=settings.down_votes,
        article_review_days=settings.article_review.days,
    )


def changed_settings(
    settings: SpaceSettings, change: forum_pb2.SpaceSettingsChange
) -> SpaceSettings:
    """What is given takes the place of what was. Refuses with FIELD_INVALID, TEXT_INVALID."""
    settings = _with_tags(_with_kinds(settings, change), change)
    if change.may_post:
        right = enums.posting_right(change.may_post, f"{_AT}.may_post")
        settings = replace(settings, may_post=right)
    if change.may_reply:
        right = enums.posting_right(change.may_reply, f"{_AT}.may_reply")
        settings = replace(settings, may_reply=right)
    if change.HasField("slow_mode_seconds"):
        pause = rules.check_slow_mode(change.slow_mode_seconds, f"{_AT}.slow_mode_seconds")
        settings = replace(settings, slow_mode=pause)
    if change.accepted_answers:
        many = enums.accepted_answers(change.accepted_answers, f"{_AT}.accepted_answers")
        settings = replace(settings, accepted_answers=many)
    if change.HasField("down_votes"):
        settings = replace(settings, down_votes=change.down_votes)
    if change.HasField("article_review_days"):
        at = f"{_AT}.article_review_days"
        review = rules.check_article_review(change.article_review_days, at)
        settings = replace(settings, article_review=review)
    if change.HasField("edit_window_minutes"):
        at = f"{_AT}.edit_window_minutes"
        window = rules.check_edit_window(change.edit_window_minutes, at)
        settings = replace(settings, edit_window=window)
    if change.HasField("newcomer_edit_window_minutes"):
        at = f"{_AT}.newcomer_edit_window_minutes"
        window = rules.check_edit_window(change.newcomer_edit_window_minutes, at)
        settings = replace(settings, newcomer_edit_window=window)
    if change.update_own_close_reasons:
        at = f"{_AT}.own_close_reasons"
        texts = rules.check_own_close_reasons(change.own_close_reasons, at)
        settings = replace(settings, own_close_reasons=texts)
    return settings


def _with_kinds(settings: SpaceSettings, change: forum_pb2.SpaceSettingsChange) -> SpaceSettings:
    if change.update_kinds:
        kinds = [enums.topic_kind(kind, f"{_AT}.kinds") for kind in change.kinds]
        settings = replace(settings, kinds=rules.check_kinds(kinds, f"{_AT}.kinds"))
    if change.update_templates:
        at = f"{_AT}.templates"
        templates = [
            (enums.topic_kind(one.kind, f"{at}.{index}.kind"), one.body)
            for index, one in enumerate(change.templates)
        ]
        settings = replace(settings, templates=rules.check_templates(templates, at))
    return settings


def _with_tags(settings: SpaceSettings, change: forum_pb2.SpaceSettingsChange) -> SpaceSettings:
    if not change.HasField("tag_rules"):
        return settings
    given = change.tag_rules
    tags = rules.check_tag_rules(
        given.allowed_tags,
        given.most,
        given.max_length,
        required=given.required,
        field=f"{_AT}.tag_rules",
    )
    return replace(settings, tag_rules=tags)
