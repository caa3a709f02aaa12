"""Announcements and their translations and corrections as stored documents, and back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from chassis.decisions import Document
from chassis.mongo import Database, Migration
from services.forum.domain.announcements.announcement import (
    Announcement,
    AnnouncementState,
    AudienceState,
    Correction,
    Severity,
    Terms,
    Translation,
)
from services.forum.domain.announcements.audiences import EVERYONE, AudienceRule, managers_key
from services.forum.domain.announcements.schedules import Schedule
from services.forum.repository.documents import (
    author,
    author_document,
    body,
    text,
    text_document,
)

# The fields of the keys that readers need one of each, beside read_keys.
RULE_FIELDS = ("tier_keys", "company_keys", "role_keys", "locale_keys", "territory_keys")


def load_announcement(document: Document) -> Announcement:
    """Back from dump_announcement."""
    return Announcement(
        id=document["_id"],
        community_id=document["community_id"],
        channel_id=document["channel_id"],
        title=document["title"],
        body=body(document),
        source_locale=document["source_locale"],
        author=author(document["author"]),
        create_time=document["create_time"],
        terms=_terms(document["terms"]),
        state=AnnouncementState(document["state"]),
        state_reason=document["state_reason"],
        schedule=_schedule(document["schedule"]),
        end_time=document["end_time"],
        audience_state=AudienceState(document["audience_state"]),
        audience_count=document["audience_count"],
        reminded=document["reminded"],
        correct_time=document["correct_time"],
        correction_count=document["correction_count"],
        translated=tuple(document["translated"]),
        version=document["version"],
        deleted=document.get("deleted", False),
        visible_time=document.get("visible_time"),  # formerly nobody was told
    )


def dump_announcement(announcement: Announcement) -> Document:
    """As it is stored."""
    schedule = announcement.schedule
    document: Document = {
        "channel_id": announcement.channel_id,
        "title": announcement.title,
        "body": text_document(announcement.body),
        "source_locale": announcement.source_locale,
        "author": author_document(announcement.author),
        "create_time": announcement.create_time,
        "terms": _terms_document(announcement.terms),
        "severity": announcement.terms.severity.value,
        "state": announcement.state.value,
        "state_reason": announcement.state_reason,
        "schedule": schedule and {"time": schedule.time, "local_time": schedule.local_time},
        "end_time": announcement.end_time,
        "audience_state": announcement.audience_state.value,
        "audience_count": announcement.audience_count,
        "reminded": announcement.reminded,
        "correct_time": announcement.correct_time,
        "correction_count": announcement.correction_count,
        "translated": list(announcement.translated),
        "version": announcement.version,
        "list_time": announcement.list_time,
        "read_keys": list(announcement.read_keys),
        **_rule_keys(announcement.terms.rule, announcement.community_id),
    }
    if (wake_time := announcement.wake_time) is not None:
        document["wake_time"] = wake_time
    if announcement.deleted:
        document["deleted"] = True
    if announcement.visible_time is not None:
        document["visible_time"] = announcement.visible_time
    # Of its own: who looks for wake_time may know of no such hours yet.
    if (visible_wake_time := announcement.visible_wake_time) is not None:
        document["visible_wake_time"] = visible_wake_time
    return document


def _rule_keys(rule: AudienceRule, community_id: str) -> Document:
    """Managers hold a key of each."""
    return {
        field: [*clause, managers_key(community_id)]
        for field, clause in zip(RULE_FIELDS, rule.keys(community_id), strict=True)
    }


def _terms(document: Document) -> Terms:
    rule = document["rule"]
    return Terms(
        Severity(document["severity"]),
        AudienceRule(
            tuple(rule["tiers"]),
            tuple(rule["company_ids"]),
            tuple(rule["roles"]),
            tuple(rule["locales"]),
            tuple(rule.get("territories", ())),  # added later: what is older has none
        ),
        document["requires_acknowledgement"],
        document["deadline"],
        document["expire_time"],
        document["discussion_topic_id"],
    )


def _terms_document(terms: Terms) -> Document:
    rule = terms.rule
    return {
        "severity": terms.severity.value,
        "rule": {
            "tiers": list(rule.tiers),
            "company_ids": list(rule.company_ids),
            "roles": list(rule.roles),
            "locales": list(rule.locales),
            "territories": list(rule.territories),
        },
        "requires_acknowledgement": terms.requires_acknowledgement,
        "deadline": terms.deadline,
        "expire_time": terms.expire_time,
        "discussion_topic_id": terms.discussion_topic_id,
    }


def _schedule(document: dict[str, datetime | str] | None) -> Schedule | None:
    return Schedule(**document) if document else None  # type: ignore[arg-type]  # as dumped


def load_translation(document: Document) -> Translation:
    """Back from dump_translation."""
    return Translation(
        document["announcement_id"],
        document["locale"],
        document["title"],
        text(document["body"]),
    )


def dump_translation(translation: Translation) -> Document:
    """As it is stored."""
    return {
        "announcement_id": translation.announcement_id,
        "locale": translation.locale,
        "title": translation.title,
        "body": text_document(translation.body),
    }


def load_correction(row: Document) -> Correction:
    """Back from dump_correction."""
    return Correction(
        row["_id"],
        row["community_id"],
        row["announcement_id"],
        row["editor_id"],
        row["time"],
        tuple(row["fields"]),
        row["locale"],
        row["note"],
        row["former_title"],
        row["former_body"],
    )


def dump_correction(correction: Correction) -> Document:
    """As it is stored."""
    return {
        "_id": correction.id,
        "community_id": correction.community_id,
        "announcement_id": correction.announcement_id,
        "editor_id": correction.editor_id,
        "time": correction.time,
        "fields": list(correction.fields),
        "locale": correction.locale,
        "note": correction.note,
        "former_title": correction.former_title,
        "former_body": correction.former_body,
    }


async def _add_territory_keys(database: Database) -> None:
    """Announcements stored before a rule had territories are for all of them."""
    old: Document = {"territory_keys": {"$exists": False}}
    for community_id in await database.announcements.distinct("community_id", old):
        keys = _rule_keys(EVERYONE, community_id)["territory_keys"]
        # Only where there are none: a command stores them itself.
        query = {"community_id": community_id, **old}
        await database.announcements.update_many(query, {"$set": {"territory_keys": keys}})


MIGRATIONS: Sequence[Migration] = (Migration("2026-11-territory-keys", _add_territory_keys),)
