"""The screen's answer as a value."""

from __future__ import annotations

from collections.abc import Sequence

from guildhall.moderation.v1 import moderation_pb2
from services.forum.domain.screening import Screening, Verdict

_VERDICTS = {
    moderation_pb2.VERDICT_ALLOW: Verdict.ALLOW,
    moderation_pb2.VERDICT_FLAG: Verdict.FLAG,
    moderation_pb2.VERDICT_HOLD: Verdict.HOLD,
    moderation_pb2.VERDICT_BLOCK: Verdict.BLOCK,
}


def screening(answer: moderation_pb2.ScreenResponse, asked: Sequence[str]) -> Screening:
    """An answer that does not fit the question counts as none."""
    verdict = _VERDICTS.get(answer.verdict)
    if verdict is None:
        return Screening.missing(asked)
    texts = tuple(answer.texts)
    if len(texts) != len(asked):
        if verdict is not Verdict.BLOCK:
            return Screening.missing(asked)
        texts = tuple(asked)
    return Screening(
        verdict,
        texts,
        rule_ids=tuple(answer.rule_ids),
        message=answer.message,
        policy_version=answer.policy_version,
    )
