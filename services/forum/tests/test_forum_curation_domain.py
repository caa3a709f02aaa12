"""Rules of keeping knowledge right, by plain calls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chassis.errors import RoleRequiredError
from services.forum.domain.kinds import NotAnArticleError
from services.forum.domain.members import Member
from services.forum.domain.topics import (
    OPEN_TO_READERS,
    TopicKind,
    TopicState,
    TopicStateInvalidError,
)
from services.forum.domain.topics.curation import change_owner, require_owner_or_moderator
from services.forum.tests.test_forum_domain import ANNA, BERT, MODERATOR, TOPIC

ARTICLE = replace(TOPIC, kind=TopicKind.ARTICLE, owner_id="anna")


@pytest.mark.parametrize("member", [ANNA, MODERATOR])
def test_an_owner_hands_over(member: Member) -> None:
    changed = change_owner(ARTICLE, member, "bert")
    assert changed == replace(ARTICLE, owner_id="bert")
    assert changed.author == ANNA.author
    assert change_owner(changed, BERT, "bert") == changed
    with pytest.raises(RoleRequiredError):  # who was its owner, and still is its author
        change_owner(changed, ANNA, "anna")


def test_only_owners_and_moderators_say_who_keeps_it_right() -> None:
    for allowed in (ANNA, MODERATOR):
        require_owner_or_moderator(ARTICLE, allowed)
    with pytest.raises(RoleRequiredError):
        require_owner_or_moderator(ARTICLE, BERT)
    with pytest.raises(RoleRequiredError):
        change_owner(ARTICLE, BERT, "bert")


@pytest.mark.parametrize("kind", [kind for kind in TopicKind if kind is not TopicKind.ARTICLE])
def test_nothing_else_has_an_owner(kind: TopicKind) -> None:
    with pytest.raises(NotAnArticleError):
        change_owner(replace(TOPIC, kind=kind), MODERATOR, "bert")


@pytest.mark.parametrize("state", list(TopicState))
def test_articles_that_are_out_change_owners(state: TopicState) -> None:
    article = replace(ARTICLE, state=state)
    if state in OPEN_TO_READERS:
        assert change_owner(article, ANNA, "bert").owner_id == "bert"
    else:
        with pytest.raises(TopicStateInvalidError):
            change_owner(article, ANNA, "bert")
