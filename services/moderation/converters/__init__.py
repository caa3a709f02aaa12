"""Domain objects as protobuf messages and back, and rules as matchers (patterns)."""

from __future__ import annotations

from collections.abc import Iterable

from chassis.errors import FieldInvalidError
from chassis.timestamps import timestamp_of
from guildhall.forum.v1 import forum_pb2
from guildhall.moderation.v1 import domain_events_pb2, moderation_pb2
from services.moderation.domain import (
    Case,
    CaseCause,
    CaseState,
    Flag,
    FlagReason,
    PatternKind,
    ReasonCode,
    Rule,
    RuleKind,
    Screening,
)


def rule_to_proto(community_id: str, rule: Rule, version: int) -> moderation_pb2.Rule:
    """A rule with the policy's version."""
    return moderation_pb2.Rule(
        id=rule.id,
        community_id=community_id,
        kind=moderation_pb2.RuleKind.Value(f"RULE_KIND_{rule.kind.name}"),
        pattern_kind=moderation_pb2.PatternKind.Value(f"PATTERN_KIND_{rule.pattern_kind.name}"),
        pattern=rule.pattern,
        replacement=rule.replacement,
        message=rule.message,
        enabled=rule.enabled,
        version=version,
    )


def rule_from_request(rule_id: str, request: moderation_pb2.CreateRuleRequest) -> Rule:
    """The rule asked for, not yet checked. Refuses with FIELD_INVALID."""
    if request.kind not in [kind.value for kind in RuleKind]:
        raise FieldInvalidError("kind must be BLOCK, HOLD, REPLACE or FLAG", field="kind")
    if request.pattern_kind not in [kind.value for kind in PatternKind]:
        raise FieldInvalidError("pattern_kind must be WORD or REGEX", field="pattern_kind")
    return Rule(
        id=rule_id,
        number=0,
        kind=RuleKind(request.kind),
        pattern_kind=PatternKind(request.pattern_kind),
        pattern=request.pattern,
        replacement=request.replacement,
        message=request.message,
    )


def state_from_request(state: int) -> CaseState:
    """The state a list is asked for; OPEN where none is named. Refuses with FIELD_INVALID."""
    if not state:
        return CaseState.OPEN
    if state not in [known.value for known in CaseState]:
        raise FieldInvalidError("state must be OPEN, APPROVED, REJECTED or MOOT", field="state")
    return CaseState(state)


def approves(outcome: int) -> bool:
    """Whether a decision approves. Refuses with FIELD_INVALID."""
    if outcome not in (moderation_pb2.OUTCOME_APPROVE, moderation_pb2.OUTCOME_REJECT):
        raise FieldInvalidError("outcome must be APPROVE or REJECT", field="outcome")
    return outcome == moderation_pb2.OUTCOME_APPROVE


def reason_code_from_request(code: int) -> ReasonCode | None:
    """Why a case is decided so; None where none is given. Refuses with FIELD_INVALID."""
    if not code:
        return None
    if code not in [known.value for known in ReasonCode]:
        names = ", ".join(known.name for known in ReasonCode)
        raise FieldInvalidError(f"reason_code must be of {names}", field="reason_code")
    return ReasonCode(code)


def _reason_code(code: ReasonCode | None) -> forum_pb2.ReasonCode.ValueType:
    return forum_pb2.ReasonCode.Value(f"REASON_CODE_{code.name if code else 'UNSPECIFIED'}")


def case_to_proto(case: Case, version: int) -> moderation_pb2.Case:
    """A case with its version."""
    return moderation_pb2.Case(
        id=case.id,
        community_id=case.community_id,
        state=moderation_pb2.CaseState.Value(f"CASE_STATE_{case.state.name}"),
        cause=moderation_pb2.CaseCause.Value(f"CASE_CAUSE_{case.cause.name}"),
        topic_id=case.topic_id,
        reply_id=case.reply_id,
        author_id=case.author_id,
        rule_ids=case.rule_ids,
        open_time=timestamp_of(case.open_time),
        decide_time=timestamp_of(case.decide_time) if case.decide_time else None,
        decider_id=case.decider_id,
        reason=case.reason,
        reason_code=_reason_code(case.reason_code),
        submission_number=case.submission_number,
        version=version,
        flag_count=case.flag_count,
        flag_reasons=[
            moderation_pb2.FlagReasonCount(reason=_reason(reason), count=count)
            for reason, count in case.flag_reasons.items()
        ],
        escalations=[
            moderation_pb2.Escalation(
                automation_id=one.automation_id,
                automation_name=one.automation_name,
                reason=one.reason,
                time=timestamp_of(one.time),
            )
            for one in case.escalations
        ],
    )


def reasons_from_request(reasons: Iterable[int]) -> list[FlagReason]:
    """Why a post is flagged. Refuses with FIELD_INVALID."""
    known = [reason.value for reason in FlagReason]
    if any(reason not in known for reason in reasons):
        raise FieldInvalidError(
            "reasons must be of SPAM, ABUSE, INAPPROPRIATE, MISLEADING and RULE_BREAKING",
            field="reasons",
        )
    return list(map(FlagReason, reasons))


def flag_to_proto(flag: Flag, *, for_moderator: bool = False) -> moderation_pb2.Flag:
    """A flag; in which case it is only moderators are told."""
    return moderation_pb2.Flag(
        id=flag.id,
        community_id=flag.community_id,
        case_id=flag.case_id if for_moderator else "",
        post_id=flag.post_id,
        person_id=flag.person_id,
        reasons=map(_reason, flag.reasons),
        text=flag.text,
        state=moderation_pb2.FlagState.Value(f"FLAG_STATE_{flag.state.name}"),
        create_time=timestamp_of(flag.create_time),
        settle_time=timestamp_of(flag.settle_time) if flag.settle_time else None,
    )


def _reason(reason: FlagReason) -> moderation_pb2.FlagReason.ValueType:
    return moderation_pb2.FlagReason.Value(f"FLAG_REASON_{reason.name}")


def screening_to_proto(screening: Screening) -> moderation_pb2.ScreenResponse:
    """What the forum is answered."""
    return moderation_pb2.ScreenResponse(
        verdict=moderation_pb2.Verdict.Value(f"VERDICT_{screening.verdict.name}"),
        texts=screening.texts,
        rule_ids=screening.rule_ids,
        message=screening.message,
        policy_version=str(screening.policy_version),
    )


def case_opened(case: Case) -> domain_events_pb2.CaseOpened:
    """Said of a new case."""
    return domain_events_pb2.CaseOpened(
        case_id=case.id,
        topic_id=case.topic_id,
        reply_id=case.reply_id,
        hide_post=case.hide_post,
        of_edit=case.cause is CaseCause.EDIT,
        of_escalation=case.cause is CaseCause.ESCALATED,
        of_flag=case.cause is CaseCause.FLAG,
        submission_number=case.submission_number,
    )


def post_flagged(flag: Flag, case: Case, submission_number: int) -> domain_events_pb2.PostFlagged:
    """Said of a flag: ids only, and not whose it is."""
    return domain_events_pb2.PostFlagged(
        flag_id=flag.id,
        case_id=case.id,
        topic_id=case.topic_id,
        reply_id=case.reply_id,
        submission_number=submission_number,
    )


def case_escalated(case: Case, automation_id: str) -> domain_events_pb2.CaseEscalated:
    """Said of an open case that an automation asks for, too."""
    return domain_events_pb2.CaseEscalated(case_id=case.id, automation_id=automation_id)


def case_renewed(case: Case) -> domain_events_pb2.CaseRenewed:
    """Said of a case whose post was edited, and stays flagged or escalated."""
    return domain_events_pb2.CaseRenewed(case_id=case.id, submission_number=case.submission_number)


def case_decided(case: Case) -> domain_events_pb2.CaseDecided:
    """Said of a decision."""
    return domain_events_pb2.CaseDecided(
        case_id=case.id,
        topic_id=case.topic_id,
        reply_id=case.reply_id,
        approved=case.state is CaseState.APPROVED,
        reason=case.reason,
        reason_code=_reason_code(case.reason_code),
        decider_id=case.decider_id,
        submission_number=case.submission_number,
        of_edit=case.cause is CaseCause.EDIT,
    )


def case_moved(case: Case) -> domain_events_pb2.CaseMoved:
    """Its reply went to another topic."""
    return domain_events_pb2.CaseMoved(case_id=case.id, topic_id=case.topic_id)


def case_mooted(case: Case) -> domain_events_pb2.CaseMooted:
    """Said of a case that nobody need decide any more."""
    return domain_events_pb2.CaseMooted(
        case_id=case.id,
        topic_id=case.topic_id,
        reply_id=case.reply_id,
        submission_number=case.submission_number,
        of_edit=case.cause is CaseCause.EDIT,
    )
