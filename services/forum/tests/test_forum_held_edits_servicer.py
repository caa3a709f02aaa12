"""Edits that wait for moderators: readers see the text before, whoever is not concerned nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.actors import Actor
from chassis.testing import outbox
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.forum.v1.curation_pb2 import SetArticleOwnerRequest
from guildhall.forum.v1.curation_pb2_grpc import CurationServiceStub
from guildhall.forum.v1.drafts_pb2 import DRAFT_KIND_TOPIC_EDIT, ListDraftsRequest, SaveDraftRequest
from guildhall.forum.v1.drafts_pb2_grpc import DraftServiceStub
from guildhall.moderation.v1 import moderation_pb2
from guildhall.moderation.v1.domain_events_pb2 import CaseDecided, CaseMooted
from services.forum.tests.conftest import (
    ASKER,
    HELPER,
    MANAGING,
    MODERATING,
    NEWCOMER,
    REGULAR_PERSON,
    STRANGER,
    World,
)
from services.forum.tests.files_made import ready
from services.forum.tests.files_made import seen as seen_files
from services.forum.tests.test_forum_consumers import hear, on, trail
from services.forum.tests.test_forum_servicer import refused
from services.forum.use_cases.attachment_reviews import AttachmentReviews

PENDING = pb.HELD_EDIT_STATE_PENDING_REVIEW
APPROVED = pb.HELD_EDIT_STATE_APPROVED
REJECTED = pb.HELD_EDIT_STATE_REJECTED
DROPPED = pb.HELD_EDIT_STATE_DROPPED
NEW_TEXT = "Another text, then"


async def edits(world: World, actor: Actor, *posts: pb.Topic | pb.Reply) -> list[pb.HeldEdit]:
    request = pb.BatchGetHeldEditsRequest(
        community_id="c1",
        topic_ids=[post.id for post in posts if isinstance(post, pb.Topic)],
        reply_ids=[post.id for post in posts if isinstance(post, pb.Reply)],
    )
    return list((await world.of(actor).BatchGetHeldEdits(request)).held_edits)


async def state(world: World, post: pb.Topic | pb.Reply) -> pb.HeldEditState.ValueType:
    (edit,) = await edits(world, MODERATING, post)
    return edit.state


async def now(world: World, post: pb.Topic | pb.Reply) -> pb.Topic | pb.Reply:
    """The post as moderators see it."""
    if isinstance(post, pb.Topic):
        return await world.see(MODERATING, post)
    request = pb.BatchGetRepliesRequest(community_id="c1", reply_ids=[post.id])
    reply: pb.Reply = (await world.of(MODERATING).BatchGetReplies(request)).replies[0]
    return reply


async def held(world: World, kind: str = "topic", **more: Any) -> tuple[Any, Any, Actor]:
    """A post, the answer to the edit of it that waits, and its author."""
    post: pb.Topic | pb.Reply = await world.topic(await world.space())
    author = ASKER
    if kind == "reply":
        assert isinstance(post, pb.Topic)
        post, author = await world.reply(post), HELPER
    return post, await held_again(world, post, author, **more), author


async def held_again(world: World, post: pb.Topic | pb.Reply, author: Actor, **more: Any) -> Any:
    world.screen.verdict = moderation_pb2.VERDICT_HOLD
    rpc = "UpdateTopic" if isinstance(post, pb.Topic) else "UpdateReply"
    answer = await world.act(rpc, author, post, **{"body": NEW_TEXT, **more})
    world.screen.verdict = moderation_pb2.VERDICT_ALLOW
    return answer


async def decide(
    world: World, post: pb.Topic | pb.Reply, number: int = 2, *, approved: bool = True
) -> None:
    reason = "" if approved else "No prices"
    decided = on(
        post,
        submission_number=number,
        approved=approved,
        reason=reason,
        decider_id="mod2",
        of_edit=True,
    )
    await hear(world, CaseDecided(**decided))


# -- held


@pytest.mark.parametrize(
    ("mode", "actor", "waits"),
    [
        (pb.SPACE_MODE_REQUIRED, ASKER, True),
        (pb.SPACE_MODE_REQUIRED, REGULAR_PERSON, False),
        (pb.SPACE_MODE_REQUIRED, MODERATING, False),
        (pb.SPACE_MODE_AUTO, ASKER, False),
        (pb.SPACE_MODE_AUTO, NEWCOMER, True),
    ],
)
async def test_edits_wait_where_new_posts_would(
    world: World, mode: pb.SpaceMode.ValueType, actor: Actor, waits: bool
) -> None:
    space = await world.space(mode=pb.SPACE_MODE_AUTO)
    topic = await world.topic(space, REGULAR_PERSON)
    reply = await world.reply(topic, REGULAR_PERSON)
    author = {"author.person_id": actor.person_id}
    for posts, one in ((world.database.topics, topic), (world.database.replies, reply)):
        await posts.update_one({"_id": one.id}, {"$set": author})
    change = pb.UpdateSpaceRequest(**world.ids(), space_id=space.id, name="Space", mode=mode)
    await world.of(MANAGING).UpdateSpace(change)
    answer = await world.act("UpdateTopic", actor, topic, body=NEW_TEXT)
    assert (answer.topic.body, answer.HasField("held_edit")) == (
        topic.body if waits else NEW_TEXT,
        waits,
    )
    told = (await outbox(world.database))[-1]
    assert isinstance(told, said.EditHeld if waits else said.TopicEdited)
    again = await world.act("UpdateReply", actor, reply, body=NEW_TEXT)
    assert (again.reply.body, again.HasField("held_edit")) == (
        reply.body if waits else NEW_TEXT,
        waits,
    )
    told_too = (await outbox(world.database))[-1]
    assert isinstance(told_too, said.EditHeld if waits else said.ReplyEdited)


@pytest.mark.parametrize("kind", ["topic", "reply"])
async def test_a_held_edit_changes_nothing_that_readers_see(world: World, kind: str) -> None:
    world.screen.rule_ids = ["rule1"]
    post, answer, author = await held(world, kind)
    assert (await now(world, post)).version == post.version
    assert (await now(world, post)).body == post.body
    edit = answer.held_edit
    assert (edit.state, edit.body, edit.body_html) == (
        PENDING,
        NEW_TEXT,
        f'<p dir="auto">{NEW_TEXT}</p>\n',
    )
    submission = said.Submission(screened=True, policy_version="7", rule_ids=["rule1"], number=2)
    reply_id = post.id if kind == "reply" else ""
    assert (await outbox(world.database))[-1] == said.EditHeld(
        topic_id=edit.topic_id, reply_id=reply_id, submission=submission
    )
    assert edit.editor_id == author.person_id
    assert await edits(world, author, post) == [edit]
    assert await edits(world, MODERATING, post) == [edit]
    revisions = pb.ListRevisionsRequest(
        community_id="c1", topic_id=edit.topic_id, reply_id=reply_id
    )
    assert not (await world.of(author).ListRevisions(revisions)).revisions


async def test_held_edits_are_nobody_elses_to_see(world: World) -> None:
    topic, _, _ = await held(world)
    assert await edits(world, HELPER, topic) == []
    assert await edits(world, REGULAR_PERSON, topic) == []
    await refused(world, edits(world, STRANGER, topic), "COMMUNITY_NOT_FOUND", "community_id")
    of_edit = pb.GetRevisionDiffRequest(community_id="c1", topic_id=topic.id, of_held_edit=True)
    await refused(
        world, world.of(HELPER).GetRevisionDiff(of_edit), "REVISION_NOT_FOUND", "of_held_edit"
    )
    compare = world.of(STRANGER).GetRevisionDiff(of_edit)
    await refused(world, compare, "COMMUNITY_NOT_FOUND", "community_id")


async def test_who_loses_the_post_loses_the_edit(world: World) -> None:
    topic, _, _ = await held(world)
    secret = await world.space("secret", audience=pb.AUDIENCE_VENDOR)
    await world.database.topics.update_one(
        {"_id": topic.id},
        {"$set": {"space_id": secret.id, "read_keys": [f"space:{secret.id}"]}},
    )
    assert await edits(world, ASKER, topic) == []


async def test_what_a_held_edit_would_change(world: World) -> None:
    topic, _, _ = await held(world, title="Frobnicators?", update_tags=True, tags=["frob"])
    request = pb.GetRevisionDiffRequest(community_id="c1", topic_id=topic.id, of_held_edit=True)
    diff = (await world.of(ASKER).GetRevisionDiff(request)).revision_diff
    assert (diff.edition, diff.later_edition, diff.added_tags) == (1, 2, ["frob"])
    later = [one.text for one in diff.title_segments if one.kind != pb.DIFF_KIND_REMOVED]
    assert "".join(later) == "Frobnicators?"


async def test_the_draft_of_an_edit_is_gone_when_it_waits(world: World) -> None:
    topic = await world.topic(await world.space())
    drafts = world.of(ASKER, DraftServiceStub)
    draft = SaveDraftRequest(
        **world.ids(), draft_kind=DRAFT_KIND_TOPIC_EDIT, topic_id=topic.id, body="Half a text"
    )
    await drafts.SaveDraft(draft)
    assert (await drafts.ListDrafts(ListDraftsRequest(community_id="c1"))).drafts
    await held_again(world, topic, ASKER)
    assert not (await drafts.ListDrafts(ListDraftsRequest(community_id="c1"))).drafts


async def test_sent_again_it_is_held_once(world: World) -> None:
    topic = await world.topic(await world.space())
    world.screen.verdict = moderation_pb2.VERDICT_HOLD
    request = pb.UpdateTopicRequest(**world.ids(), topic_id=topic.id, body=NEW_TEXT)
    first = await world.of(ASKER).UpdateTopic(request)
    after = await world.stored()
    assert await world.of(ASKER).UpdateTopic(request) == first
    assert await world.stored() == after


# -- decided


@pytest.mark.parametrize("kind", ["topic", "reply"])
async def test_an_approved_edit_is_the_authors_next_edition(world: World, kind: str) -> None:
    world.screen.rule_ids = ["rule1"]
    post, answer, author = await held(world, kind)
    await decide(world, post)
    after = await now(world, post)
    assert (after.body, after.edition, after.edited_by_moderator) == (NEW_TEXT, 2, False)
    assert after.version == post.version + 1
    assert after.HasField("edit_time")
    assert await state(world, post) == APPROVED
    told = (await outbox(world.database))[-1]
    assert isinstance(told, said.TopicEdited if kind == "topic" else said.ReplyEdited)
    assert told.submission.number == 2
    revisions = pb.ListRevisionsRequest(
        community_id="c1",
        topic_id=answer.held_edit.topic_id,
        reply_id=post.id if kind == "reply" else "",
    )
    (former,) = (await world.of(REGULAR_PERSON).ListRevisions(revisions)).revisions
    assert (former.body, former.editor_id) == (post.body, author.person_id)
    topic = pb.Topic(id=answer.held_edit.topic_id)
    reply_id = post.id if kind == "reply" else ""
    assert await trail(world, topic) == [("Approve", "", "mod2", reply_id)]


@pytest.mark.parametrize("kind", ["topic", "reply"])
async def test_a_rejected_edit_leaves_the_post_and_tells_its_author_why(
    world: World, kind: str
) -> None:
    post, answer, author = await held(world, kind)
    await decide(world, post, approved=False)
    after = await now(world, post)
    assert (after.body, after.version, after.state) == (post.body, post.version, post.state)
    (edit,) = await edits(world, author, post)
    assert (edit.state, edit.reason, edit.body) == (REJECTED, "No prices", NEW_TEXT)
    assert edit.HasField("decide_time")
    assert (await outbox(world.database))[-1] == said.EditRejected(
        topic_id=answer.held_edit.topic_id,
        reply_id=post.id if kind == "reply" else "",
        submission_number=2,
    )


@pytest.mark.parametrize("kind", ["topic", "reply"])
async def test_a_moderators_held_edit_is_as_their_others(world: World, kind: str) -> None:
    """Readers see nothing of what it takes away, and it stands in the audit trail."""
    topic = await world.topic(await world.space())
    post: Any = topic
    author = ASKER
    if kind == "reply":
        post, author = await world.reply(topic), HELPER
    rpc = "UpdateTopic" if kind == "topic" else "UpdateReply"
    await world.act(rpc, author, post, body="A text with a secret in it")
    answer = await held_again(world, post, MODERATING)
    assert answer.HasField("held_edit")
    assert await trail(world, topic) == []
    await decide(world, post, 3)
    after = await now(world, post)
    assert (after.body, after.edition, after.edited_by_moderator) == (NEW_TEXT, 3, True)
    reply_id = post.id if kind == "reply" else ""
    revisions = pb.ListRevisionsRequest(community_id="c1", topic_id=topic.id, reply_id=reply_id)
    for actor, editions in ((author, [2, 1]), (MODERATING, [2, 1]), (REGULAR_PERSON, [])):
        found = (await world.of(actor).ListRevisions(revisions)).revisions
        assert [one.edition for one in found] == editions
        assert [one.by_moderator for one in found] == [edition == 2 for edition in editions]
    outside = world.of(STRANGER).ListRevisions(revisions)
    await refused(world, outside, "COMMUNITY_NOT_FOUND", "community_id")
    assert sorted(await trail(world, topic)) == [
        ("Approve", "", "mod2", reply_id),
        (rpc, "", "moderator", reply_id),
    ]
    await world.act(rpc, author, post, body="The author's own again")
    assert not (await now(world, post)).edited_by_moderator


async def test_approved_mentions_are_told_then(world: World) -> None:
    world.members.actors = [HELPER]
    topic, _, _ = await held(world, update_mentions=True, mentioned_ids=["helper"])
    assert "MentionAdded" not in await world.said()
    await decide(world, topic)
    assert list((await world.see(ASKER, topic)).mentioned_ids) == ["helper"]
    assert (await world.said())[-2:] == ["TopicEdited", "MentionAdded"]


async def test_a_case_of_flags_may_be_about_the_text_that_was_held(world: World) -> None:
    topic, _, _ = await held(world)
    await decide(world, topic)
    flagged = on(
        topic, submission_number=2, approved=False, reason="No", decider_id="mod2"
    )  # renewed since
    await hear(world, CaseDecided(**flagged))
    assert (await world.see(ASKER, topic)).state == pb.TOPIC_STATE_HIDDEN
    assert await state(world, topic) == APPROVED


async def test_the_text_that_readers_see_has_cases_of_its_own(world: World) -> None:
    topic, _, _ = await held(world)
    flagged = on(topic, submission_number=1, approved=False, reason="No", decider_id="mod2")
    await hear(world, CaseDecided(**flagged))
    assert (await world.see(ASKER, topic)).state == pb.TOPIC_STATE_HIDDEN
    await decide(world, topic)  # there is no text in sight any more that it could change
    assert await state(world, topic) == DROPPED
    assert (await world.see(ASKER, topic)).body == topic.body


# -- replaced and dropped


@pytest.mark.parametrize("kind", ["topic", "reply"])
async def test_the_next_edit_takes_its_place(world: World, kind: str) -> None:
    post, _, author = await held(world, kind)
    await held_again(world, post, author, body="A third text")
    (edit,) = await edits(world, author, post)
    assert (edit.state, edit.body) == (PENDING, "A third text")
    await hear(
        world, CaseMooted(**on(post, submission_number=2, of_edit=True))
    )  # of the one that was replaced
    assert await state(world, post) == PENDING
    before = await world.stored()
    await decide(world, post, 2)
    assert await world.stored() == before
    await decide(world, post, 3)
    assert (await now(world, post)).body == "A third text"


@pytest.mark.parametrize("kind", ["topic", "reply"])
async def test_the_text_as_it_is_withdraws_what_waits(world: World, kind: str) -> None:
    post, answer, author = await held(world, kind)
    again = await held_again(world, post, author, body=post.body)
    assert not again.HasField("held_edit")
    assert await state(world, post) == DROPPED
    assert (await now(world, post)).version == post.version
    assert (await outbox(world.database))[-1] == said.EditDropped(
        topic_id=answer.held_edit.topic_id,
        reply_id=post.id if kind == "reply" else "",
        submission_number=2,
    )
    before = await world.stored()
    await decide(world, post)
    assert await world.stored() == before
    count = (await world.said()).count("EditDropped")
    await held_again(world, post, author, body=post.body)  # nothing is left to withdraw
    assert (await world.said()).count("EditDropped") == count
    await held_again(world, post, author)
    assert (await outbox(world.database))[-1].submission.number == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["topic", "reply"])
async def test_a_later_text_wins(world: World, kind: str) -> None:
    post, _, _ = await held(world, kind)
    rpc = "UpdateTopic" if kind == "topic" else "UpdateReply"
    await world.act(rpc, MODERATING, post, body="A moderator's text")
    assert (await outbox(world.database))[-1].submission.number == 3  # type: ignore[attr-defined]
    await decide(world, post)
    assert (await now(world, post)).body == "A moderator's text"
    assert await state(world, post) == DROPPED


@pytest.mark.parametrize("kind", ["topic", "reply"])
async def test_with_its_case_it_is_dropped(world: World, kind: str) -> None:
    post, _, _ = await held(world, kind)
    rpc = "RemoveTopic" if kind == "topic" else "RemoveReply"
    await world.act(rpc, MODERATING, post, reason="wrong")
    before = await world.stored()
    await hear(world, CaseMooted(**on(post, submission_number=2, of_edit=False)))  # of another kind
    assert await world.stored() == before
    await hear(world, CaseMooted(**on(post, submission_number=2, of_edit=True)))
    assert (await world.said())[-1] == "EditDropped"
    await world.act(rpc.replace("Remove", "Restore"), MODERATING, post)
    assert await state(world, post) == DROPPED


async def test_of_a_reply_it_goes_where_the_reply_goes(world: World) -> None:
    space = await world.space()
    here, there = await world.topic(space), await world.topic(space)
    reply = await world.reply(here)
    await held_again(world, reply, HELPER)
    await world.database.replies.update_one({"_id": reply.id}, {"$set": {"topic_id": there.id}})
    (edit,) = await edits(world, HELPER, reply)
    assert edit.topic_id == there.id
    await decide(world, reply)  # the case names the former topic still
    assert (await now(world, reply)).body == NEW_TEXT


async def test_an_articles_owner_waits_and_sees_it(world: World) -> None:
    settings = pb.SpaceSettingsChange(kinds=[pb.TOPIC_KIND_ARTICLE], update_kinds=True)
    space = await world.space(settings=settings)
    article = await world.topic(space, kind=pb.TOPIC_KIND_ARTICLE)
    world.members.actors = [HELPER]
    own = SetArticleOwnerRequest(**world.ids(), topic_id=article.id, owner_id="helper")
    await world.of(MODERATING, CurationServiceStub).SetArticleOwner(own)
    await held_again(world, article, HELPER)
    assert await edits(world, HELPER, article) == await edits(world, ASKER, article) != []
    await decide(world, article)
    assert (await world.see(ASKER, article)).body == NEW_TEXT


# -- attachments


async def test_its_attachments_are_seen_by_who_sees_it_until_it_is_approved(world: World) -> None:
    topic = await world.topic(await world.space())
    file = await ready(world)
    answer = await held_again(
        world, topic, ASKER, update_attachments=True, attachment_ids=[file.id]
    )
    assert [one.id for one in answer.held_edit.attachments] == [file.id]
    assert set(await seen_files(world, MODERATING, file.id)) == {file.id}
    assert set(await seen_files(world, ASKER, file.id)) == {file.id}
    assert not await seen_files(world, HELPER, file.id)
    assert not (await world.see(ASKER, topic)).attachments
    reviews = AttachmentReviews(
        world.commands, world.repository, world.files, kept_after_removal=timedelta()
    )
    for days in (8, 60, 120):  # while it waits it is not forgotten
        await reviews.review_attachments(datetime.now(UTC) + timedelta(days=days))
    await decide(world, topic)
    assert [one.id for one in (await world.see(HELPER, topic)).attachments] == [file.id]
    assert set(await seen_files(world, HELPER, file.id)) == {file.id}


async def test_attachments_of_a_rejected_edit_are_forgotten(world: World) -> None:
    topic = await world.topic(await world.space())
    file = await ready(world)
    await held_again(world, topic, ASKER, update_attachments=True, attachment_ids=[file.id])
    await decide(world, topic, approved=False)
    assert not await seen_files(world, MODERATING, file.id)
    reviews = AttachmentReviews(
        world.commands, world.repository, world.files, kept_after_removal=timedelta()
    )
    for days in (8, 60, 120):
        await reviews.review_attachments(datetime.now(UTC) + timedelta(days=days))
    (stored,) = await world.database.attachments.find({"_id": file.id}).to_list()
    assert stored["state"] == "REMOVED"
