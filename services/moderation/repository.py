"""Moderation's collections: policies, cases, flags, audit entries. Only here fields are known."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from typing import Any

from pymongo import InsertOne, UpdateMany

from chassis.decisions import Aggregates, Document, PartRef, Parts, Write
from chassis.moment import Moment
from chassis.mongo import Database, Index, Migration
from chassis.pagination import Paging
from chassis.recent import Recent
from services.moderation.domain import (
    MOST_A_DAY,
    Case,
    CaseCause,
    CaseNotFoundError,
    CaseState,
    Escalation,
    Flag,
    FlaggedAtOnceError,
    Flagger,
    FlagReason,
    FlagState,
    PatternKind,
    Policy,
    ReasonCode,
    Rule,
    RuleKind,
    flag_id,
    policy_id,
)

_POLICIES, _CASES, _FLAGS, _AUDIT_ENTRIES = "policies", "cases", "flags", "audit_entries"
_VERSION = "version"
_FLAG_NUMBER, _FLAG_POST, _FLAG_CASE = "flag_number", "flag_post", "flag_case"
_REPLY = "reply"
_OLDEST_FLAG = [("create_time", 1), ("_id", 1)]
LIFETIME = 1.0  # seconds that a version is believed from when it was asked for


class ModerationRepository:
    """Reads of moderation; writes are decisions on its aggregates."""

    indexes: Sequence[Index] = (
        # Screen reads a policy's version from the index alone.
        Index(_POLICIES, [("community_id", 1), ("_id", 1), ("seq", 1)], _VERSION),
        Index(_CASES, [("community_id", 1), ("state", 1), ("open_time", 1), ("_id", 1)], "opened"),
        Index(
            _CASES, [("community_id", 1), ("state", 1), ("decide_time", 1), ("_id", 1)], "decided"
        ),
        Index(
            _CASES,
            [("community_id", 1), ("topic_id", 1), ("reply_id", 1), ("submission_number", 1)],
            "post",
        ),
        Index(
            _CASES,
            [("community_id", 1), ("reply_id", 1)],
            _REPLY,
            partial={"reply_id": {"$gt": ""}},
        ),
        # Two flags of one person that are decided at once want the same number.
        Index(
            _FLAGS,
            [("community_id", 1), ("person_id", 1), ("number", -1)],
            _FLAG_NUMBER,
            unique=True,
        ),
        Index(
            _FLAGS,
            [("community_id", 1), ("person_id", 1), ("post_id", 1), ("number", -1)],
            _FLAG_POST,
        ),
        Index(
            _FLAGS,
            [("community_id", 1), ("case_id", 1), ("create_time", 1), ("_id", 1)],
            _FLAG_CASE,
        ),
        Index(_AUDIT_ENTRIES, [("community_id", 1), ("time", -1), ("_id", -1)], "newest"),
        Index(_AUDIT_ENTRIES, [("community_id", 1), ("subject_id", 1), ("_id", 1)], "subject"),
    )
    migrations: Sequence[Migration] = ()

    def __init__(self, database: Database) -> None:
        self._database = database
        self._versions = Recent(self._versions_of, lifetime=LIFETIME)
        self.policies = Aggregates("policy", _POLICIES, _policy, _policy_document)
        self.cases = Aggregates(
            "case", _CASES, _case, _case_document, {_FLAG_NUMBER: FlaggedAtOnceError}
        )

    async def find_policy_version(self, community_id: str) -> int:
        """The policy's seq, 0 where the community never had a rule: as of now, or of a second ago
        where another replica changed it.
        """
        return (await self._versions.find([community_id]))[community_id]

    def changing_policy(self, community_id: str) -> contextlib.AbstractContextManager[None]:
        """A community's policy is being changed here: its version is read again, however that
        ends.
        """
        return self._versions.changing(community_id)

    async def _versions_of(self, communities: Sequence[str]) -> dict[str, int]:
        ids = list(map(policy_id, communities))
        rows = self._database[_POLICIES].find(
            {"community_id": {"$in": list(communities)}, "_id": {"$in": ids}},
            {"_id": 0, "community_id": 1, "seq": 1},
            hint=_VERSION,
        )
        found = {row["community_id"]: row["seq"] for row in await rows.to_list()}
        return {one: found.get(one, 0) for one in communities}

    async def find_policy(self, community_id: str) -> tuple[Policy, int]:
        """The policy and its version; an empty one where there is none."""
        document = await self._database[_POLICIES].find_one(
            {"community_id": community_id, "_id": policy_id(community_id)}
        )
        return (_policy(document), document["seq"]) if document else (Policy(), 0)

    async def list_rules(self, community_id: str, paging: Paging) -> tuple[list[Rule], int, str]:
        """Rules in the order they apply, the policy's version, and the next page's token."""
        policy, version = await self.find_policy(community_id)
        rules = policy.in_order()
        if paging.backward:
            place = paging.place
            read = [rule for rule in reversed(rules) if not place or rule.place < place]
        else:
            read = [rule for rule in rules if rule.place > paging.place]
        page, token = paging.page(read, lambda rule: rule.place)
        return page, version, token

    async def get_case(self, community_id: str, case_id: str) -> tuple[Case, int]:
        """A case and its version. Refuses with CASE_NOT_FOUND."""
        document = await self._database[_CASES].find_one(
            {"community_id": community_id, "_id": case_id}
        )
        if document is None:
            raise CaseNotFoundError(field="case_id")
        return _case(document), document["seq"]

    async def list_cases_by_id(
        self, community_id: str, case_ids: list[str]
    ) -> list[tuple[Case, int]]:
        """Those that there are, with their versions: one query."""
        wanted = {"community_id": community_id, "_id": {"$in": case_ids}}
        rows = self._database[_CASES].find(wanted)
        return [(_case(document), document["seq"]) async for document in rows]

    async def list_cases(
        self, community_id: str, state: CaseState, paging: Paging
    ) -> tuple[list[tuple[Case, int]], str]:
        """Open cases oldest first, others newest decision first; and the next page's token."""
        field, step = ("open_time", 1) if state is CaseState.OPEN else ("decide_time", -1)
        order = [(field, step), ("_id", step)]
        query = {"community_id": community_id, "state": state.name, **paging.beyond(order)}
        cursor = self._database[_CASES].find(query).sort(paging.sort(order)).limit(paging.limit)
        page, token = paging.page(await cursor.to_list(), lambda row: (row[field], row["_id"]))
        return [(_case(document), document["seq"]) for document in page], token

    async def find_cases_of(
        self, community_id: str, topic_id: str, reply_id: str | None
    ) -> list[Case]:
        """Cases of a post, oldest text first; with those of all replies where it is None.

        A reply may have been in another topic when its case was opened.
        """
        query: Document = {"community_id": community_id}
        if reply_id:
            query["reply_id"] = reply_id
        else:
            query["topic_id"] = topic_id
            if reply_id is not None:
                query["reply_id"] = ""
        rows = self._database[_CASES].find(query).sort([("reply_id", 1), ("submission_number", 1)])
        return [_case(document) async for document in rows]

    async def find_cases_of_replies(
        self, community_id: str, reply_ids: Collection[str]
    ) -> list[Case]:
        """Cases of any of these replies, in no order."""
        query = {"community_id": community_id, "reply_id": {"$in": list(reply_ids)}}
        rows = self._database[_CASES].find(query).hint(_REPLY)
        return [_case(document) async for document in rows]

    @staticmethod
    def flag_ref(community_id: str, case_id: str, person_id: str) -> PartRef[Flag]:
        """Where a person's flag in a case is, for a decision on the case."""
        return FLAGS.ref(community_id, flag_id(case_id, person_id))

    async def get_flagger(self, community_id: str, person_id: str, post_id: str) -> Flagger:
        """What a person flagged last, and how they last flagged this post."""
        own = {"community_id": community_id, "person_id": person_id}
        order = [("number", -1)]
        shown = {"number": 1, "create_time": 1}
        flags, this = self._database[_FLAGS], {**own, "post_id": post_id}
        rows, latest = await asyncio.gather(
            flags.find(own, shown).sort(order).hint(_FLAG_NUMBER).limit(MOST_A_DAY).to_list(),
            flags.find_one(this, sort=order, hint=_FLAG_POST),
        )
        return Flagger(
            rows[0]["number"] if rows else 0,
            tuple(row["create_time"] for row in rows),
            _flag(latest) if latest else None,
        )

    async def list_flags(
        self, community_id: str, case_id: str, paging: Paging
    ) -> tuple[list[Flag], str]:
        """Those of a case, oldest first, and the next page's token."""
        query = {"community_id": community_id, "case_id": case_id, **paging.beyond(_OLDEST_FLAG)}
        cursor = self._database[_FLAGS].find(query).sort(paging.sort(_OLDEST_FLAG))
        rows = await cursor.hint(_FLAG_CASE).limit(paging.limit).to_list()
        page, token = paging.page(rows, lambda row: (row["create_time"], row["_id"]))
        return list(map(_flag, page)), token

    async def find_open_flags(
        self, community_id: str, person_id: str, post_ids: Sequence[str]
    ) -> list[Flag]:
        """A person's own, of those posts: one query."""
        wanted = {"community_id": community_id, "person_id": person_id}
        query = {**wanted, "post_id": {"$in": post_ids}, "state": FlagState.OPEN.name}
        rows = self._database[_FLAGS].find(query).hint(_FLAG_POST)
        return [_flag(row) async for row in rows]

    @staticmethod
    def settling(case: Case) -> list[Write]:
        """What becomes of a case's flags when it is decided or moot."""
        if not case.flag_count:
            return []
        where = {"community_id": case.community_id, "case_id": case.id}
        what = {"state": case.flag_state.name, "settle_time": case.decide_time}
        return [Write(_FLAGS, UpdateMany(where, {"$set": what}, hint=_FLAG_CASE))]

    def audit(
        self,
        now: Moment,
        community_id: str,
        actor: str,
        action: str,
        subject_id: str,
        detail: str = "",
    ) -> Write:
        """A record of who did what; stored in the same transaction as what was done."""
        entry = {
            "_id": now.new_id(),
            "community_id": community_id,
            "time": now.time,
            "actor": actor,
            "action": action,
            "subject_id": subject_id,
            "detail": detail,
        }
        return Write(_AUDIT_ENTRIES, InsertOne(entry))


def _policy(document: Document) -> Policy:
    return Policy(tuple(map(_rule, document["rules"])), document["rules_ever"])


def _policy_document(policy: Policy) -> Document:
    return {"rules": list(map(_rule_document, policy.rules)), "rules_ever": policy.rules_ever}


def _rule(document: dict[str, Any]) -> Rule:
    return Rule(
        id=document["id"],
        number=document["number"],
        kind=RuleKind[document["kind"]],
        pattern_kind=PatternKind[document["pattern_kind"]],
        pattern=document["pattern"],
        replacement=document["replacement"],
        message=document["message"],
        enabled=document["enabled"],
    )


def _rule_document(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "number": rule.number,
        "kind": rule.kind.name,
        "pattern_kind": rule.pattern_kind.name,
        "pattern": rule.pattern,
        "replacement": rule.replacement,
        "message": rule.message,
        "enabled": rule.enabled,
    }


def _case(document: Document) -> Case:
    return Case(
        id=document["_id"],
        community_id=document["community_id"],
        cause=CaseCause[document["cause"]],
        topic_id=document["topic_id"],
        reply_id=document["reply_id"],
        author_id=document["author_id"],
        submission_number=document["submission_number"],
        open_time=document["open_time"],
        rule_ids=tuple(document["rule_ids"]),
        hide_post=document["hide_post"],
        state=CaseState[document["state"]],
        decide_time=document["decide_time"],
        decider_id=document["decider_id"],
        reason=document["reason"],
        reason_code=ReasonCode[document["reason_code"]] if "reason_code" in document else None,
        flag_count=document.get("flag_count", 0),  # formerly no member could flag
        flag_reasons={
            FlagReason[name]: count for name, count in document.get("flag_reasons", {}).items()
        },
        escalations=tuple(
            Escalation(
                one["run_id"],
                one["automation_id"],
                one["automation_name"],
                one["reason"],
                one["time"],
            )
            for one in document.get("escalations", ())
        ),
    )


def _case_document(case: Case) -> Document:
    document: Document = {
        "cause": case.cause.name,
        "topic_id": case.topic_id,
        "reply_id": case.reply_id,
        "author_id": case.author_id,
        "submission_number": case.submission_number,
        "open_time": case.open_time,
        "rule_ids": list(case.rule_ids),
        "hide_post": case.hide_post,
        "state": case.state.name,
        "decide_time": case.decide_time,
        "decider_id": case.decider_id,
        "reason": case.reason,
        "flag_count": case.flag_count,
        "flag_reasons": {reason.name: count for reason, count in case.flag_reasons.items()},
    }
    if case.reason_code is not None:
        document["reason_code"] = case.reason_code.name
    if case.escalations:
        document["escalations"] = [
            {
                "run_id": one.run_id,
                "automation_id": one.automation_id,
                "automation_name": one.automation_name,
                "reason": one.reason,
                "time": one.time,
            }
            for one in case.escalations
        ]
    return document


def _flag(document: Document) -> Flag:
    return Flag(
        id=document["_id"],
        community_id=document["community_id"],
        case_id=document["case_id"],
        post_id=document["post_id"],
        person_id=document["person_id"],
        reasons=tuple(FlagReason[name] for name in document["reasons"]),
        text=document["text"],
        create_time=document["create_time"],
        number=document["number"],
        state=FlagState[document["state"]],
        settle_time=document["settle_time"],
    )


def _flag_document(flag: Flag) -> Document:
    return {
        "case_id": flag.case_id,
        "post_id": flag.post_id,
        "person_id": flag.person_id,
        "reasons": [reason.name for reason in flag.reasons],
        "text": flag.text,
        "create_time": flag.create_time,
        "number": flag.number,
        "state": flag.state.name,
        "settle_time": flag.settle_time,
    }


FLAGS: Parts[Flag] = Parts(_FLAGS, _flag, _flag_document)
