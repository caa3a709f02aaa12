"""DraftService and GetRevisionDiff over real gRPC."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.actors import Actor
from chassis.errors import (
    CommunityNotFoundError,
    DomainError,
    FieldInvalidError,
    PageTokenInvalidError,
    RequestIdInvalidError,
    RoleRequiredError,
    TextInvalidError,
    VersionStaleError,
)
from chassis.moment import cut
from chassis.rpc_status import reason_of
from chassis.testing import person_actor
from chassis.timestamps import timestamp_of
from guildhall.forum.v1 import drafts_pb2
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.forum.v1.drafts_pb2_grpc import DraftServiceStub
from guildhall.forum.v1.participation_pb2 import RESULTS_SHOWN_AFTER_VOTE
from services.forum.domain.drafts import MOST_DRAFTS
from services.forum.repository.records import MIGRATIONS
from services.forum.tests.conftest import (
    ASKER,
    BODY,
    HELPER,
    MANAGING,
    MODERATING,
    NEWCOMER,
    SEARCH,
    STRANGER,
    World,
)
from services.forum.tests.files_made import image, ready, seen, upload
from services.forum.tests.test_forum_servicer import refused

MEMBER_KEYS = ("community:c1",)
TOPIC, REPLY = drafts_pb2.DRAFT_KIND_TOPIC, drafts_pb2.DRAFT_KIND_REPLY
TOPIC_EDIT, REPLY_EDIT = drafts_pb2.DRAFT_KIND_TOPIC_EDIT, drafts_pb2.DRAFT_KIND_REPLY_EDIT


async def save(world: World, actor: Actor, kind: Any, **more: Any) -> drafts_pb2.Draft:
    request = drafts_pb2.SaveDraftRequest(**{**world.ids(), "draft_kind": kind, **more})
    saved: drafts_pb2.Draft = (await world.of(actor, DraftServiceStub).SaveDraft(request)).draft
    return saved


async def get(world: World, actor: Actor, kind: Any, **place: Any) -> drafts_pb2.Draft:
    request = drafts_pb2.GetDraftRequest(community_id="c1", draft_kind=kind, **place)
    found: drafts_pb2.Draft = (await world.of(actor, DraftServiceStub).GetDraft(request)).draft
    return found


async def drafts(world: World, actor: Actor, **more: Any) -> tuple[list[str], str]:
    request = drafts_pb2.ListDraftsRequest(**{"community_id": "c1", **more})
    page = await world.of(actor, DraftServiceStub).ListDrafts(request)
    return [one.body for one in page.drafts], page.next_page_token


async def delete(world: World, actor: Actor, kind: Any, **place: Any) -> bool:
    request = drafts_pb2.DeleteDraftRequest(**world.ids(), draft_kind=kind, **place)
    return bool((await world.of(actor, DraftServiceStub).DeleteDraft(request)).deleted)


async def test_save_draft_keeps_one_a_place_and_says_nothing(world: World) -> None:
    space = await world.space()
    before = await world.stored()
    first = await save(
        world, ASKER, TOPIC, space_id=space.id, topic_kind=pb.TOPIC_KIND_QUESTION,
        title=" How ", body="I am\r\n", tags=["Grace"],
    )  # fmt: skip
    assert (first.title, first.body, list(first.tags), first.version) == (
        "How", "I am", ["grace"], 1,
    )  # fmt: skip
    second = await save(world, ASKER, TOPIC, space_id=space.id, body="I am writing")
    assert (second.title, second.body, second.topic_kind, second.version) == (
        "", "I am writing", 0, 2,
    )  # fmt: skip
    assert await get(world, ASKER, TOPIC, space_id=space.id) == second
    after = await world.stored()
    assert len(after.pop("drafts")) == 1
    before.pop("drafts", None)
    assert after == before
    # Somebody else's of the same place is another, and nobody sees one that is not theirs.
    await save(world, HELPER, TOPIC, space_id=space.id, body="Mine")
    assert await drafts(world, ASKER) == (["I am writing"], "")
    assert await drafts(world, HELPER) == (["Mine"], "")
    for actor in (MODERATING, MANAGING):
        assert await drafts(world, actor) == ([], "")
        unseen = get(world, actor, TOPIC, space_id=space.id)
        await refused(world, unseen, "DRAFT_NOT_FOUND", "draft_kind")
    assert not await delete(world, MANAGING, TOPIC, space_id=space.id)
    assert await delete(world, ASKER, TOPIC, space_id=space.id)
    assert not await delete(world, ASKER, TOPIC, space_id=space.id)
    assert await drafts(world, HELPER) == (["Mine"], "")


async def test_places(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space)
    reply = await world.reply(topic, ASKER)
    places: list[tuple[Any, dict[str, str]]] = [
        (TOPIC, {"space_id": space.id}),
        (REPLY, {"topic_id": topic.id}),
        (REPLY, {"topic_id": topic.id, "reply_id": reply.id}),
        (TOPIC_EDIT, {"topic_id": topic.id}),
        (REPLY_EDIT, {"topic_id": topic.id, "reply_id": reply.id}),
    ]
    for number, (kind, place) in enumerate(places):
        await save(world, ASKER, kind, **place, body=f"Draft {number}")
    bodies = [f"Draft {number}" for number in reversed(range(5))]
    assert await drafts(world, ASKER) == (bodies, "")
    first, token = await drafts(world, ASKER, page_size=2)
    rest, end = await drafts(world, ASKER, page_size=4, page_token=token)
    assert (first + rest, end) == (bodies, "")
    last, token = await drafts(world, ASKER, page_size=2, backward=True)
    before, end = await drafts(world, ASKER, page_size=4, page_token=token, backward=True)
    assert (before + last, end) == (bodies, "")
    for number, (kind, place) in enumerate(places):
        assert (await get(world, ASKER, kind, **place)).body == f"Draft {number}"
    # What is posted is no draft any more.
    await world.topic(space)
    await world.act("UpdateTopic", ASKER, topic, body="Another text of it.")
    await world.act("UpdateReply", ASKER, reply, body="Another text of it.")
    assert await drafts(world, ASKER) == (["Draft 2", "Draft 1"], "")


async def test_the_last_to_save_wins_unless_they_mind(world: World) -> None:
    space = await world.space()
    place: dict[str, Any] = {"space_id": space.id}
    saved = await asyncio.gather(
        *(save(world, ASKER, TOPIC, **place, body=f"Text {n}") for n in range(6))
    )
    assert sorted(one.version for one in saved) == [1, 2, 3, 4, 5, 6]
    last = max(saved, key=lambda one: one.version)
    assert await get(world, ASKER, TOPIC, **place) == last
    stale = save(world, ASKER, TOPIC, **place, body="Stale", expected_version=3)
    await refused(world, stale, VersionStaleError, "expected_version")
    again = await save(world, ASKER, TOPIC, **place, body="Fresh", expected_version=6)
    assert again.version == 7
    none = save(world, HELPER, TOPIC, **place, body="None", expected_version=1)
    await refused(world, none, VersionStaleError, "expected_version")


async def test_drafts_refuse(world: World) -> None:
    space = await world.space()
    vendors = await world.space("vendors", audience=pb.AUDIENCE_VENDOR)
    topic, hidden = await world.topic(space), await world.topic(vendors, MANAGING)
    reply = await world.reply(topic)
    here = {"space_id": space.id}
    wrong: list[tuple[Any, dict[str, Any], Any, str]] = [
        (0, here, FieldInvalidError, "draft_kind"),
        (TOPIC, {}, FieldInvalidError, "space_id"),
        (TOPIC, {**here, "topic_id": topic.id}, FieldInvalidError, "topic_id"),
        (TOPIC, {"space_id": vendors.id}, "SPACE_NOT_FOUND", "space_id"),
        (TOPIC, {"space_id": "none"}, "SPACE_NOT_FOUND", "space_id"),
        (TOPIC, {**here, "topic_kind": 9}, FieldInvalidError, "topic_kind"),
        (TOPIC, {**here, "title": "x" * 151}, TextInvalidError, "title"),
        (TOPIC, {**here, "body": "x" * 32768}, TextInvalidError, "body"),
        (TOPIC, {**here, "body": "x\x00"}, TextInvalidError, "body"),
        (TOPIC, {**here, "tags": ["a b"]}, "TAGS_INVALID", "tags"),
        (TOPIC, {**here, "request_id": "short"}, RequestIdInvalidError, "request_id"),
        (REPLY, {"topic_id": hidden.id}, "TOPIC_NOT_FOUND", "topic_id"),
        (REPLY, {"topic_id": topic.id, "reply_id": "none"}, "REPLY_NOT_FOUND", "reply_id"),
        (TOPIC_EDIT, {"topic_id": hidden.id}, "TOPIC_NOT_FOUND", "topic_id"),
        (REPLY_EDIT, {"topic_id": topic.id}, FieldInvalidError, "reply_id"),
        (REPLY_EDIT, {"topic_id": topic.id, "reply_id": "none"}, "REPLY_NOT_FOUND", "reply_id"),
        (REPLY_EDIT, {"topic_id": topic.id, "reply_id": reply.id}, RoleRequiredError, ""),
    ]
    for kind, fields, reason, field in wrong:
        await refused(world, save(world, ASKER, kind, **fields), reason, field)
    others = save(world, HELPER, TOPIC_EDIT, topic_id=topic.id)
    await refused(world, others, RoleRequiredError)
    for outsider, reason, field in (
        (STRANGER, CommunityNotFoundError, "community_id"),
        (SEARCH, RoleRequiredError, ""),
    ):
        for call in (
            save(world, outsider, TOPIC, **here),
            get(world, outsider, TOPIC, **here),
            delete(world, outsider, TOPIC, **here),
            drafts(world, outsider),
        ):
            await refused(world, call, reason, field)
    await refused(world, drafts(world, ASKER, page_token="x"), PageTokenInvalidError, "page_token")


async def test_one_has_so_many_drafts(world: World) -> None:
    space = await world.space()
    await save(world, ASKER, TOPIC, space_id=space.id)
    row = await world.database.drafts.find_one()
    assert row is not None
    del row["number"]  # as of before there were places
    rows = [{**row, "_id": f"more-{number}"} for number in range(MOST_DRAFTS - 1)]
    await world.database.drafts.insert_many(rows)
    other = await world.space("other")
    await refused(world, save(world, ASKER, TOPIC, space_id=other.id), "TOO_MANY_DRAFTS")
    await save(world, ASKER, TOPIC, space_id=space.id, body="What is there can be saved")
    await save(world, HELPER, TOPIC, space_id=other.id)


async def test_drafts_begun_at_once_are_no_more_than_one_may_have(world: World) -> None:
    space = await world.space()
    topics = [await world.topic(space) for _ in range(12)]
    await save(world, ASKER, TOPIC, space_id=space.id)
    row = await world.database.drafts.find_one()
    assert row is not None
    number = row.pop("number")
    free = [place for place in range(MOST_DRAFTS) if place != number]
    rows = [{**row, "_id": f"n{place}", "number": place} for place in free[:45]]
    rows += [{**row, "_id": f"o{place}"} for place in range(50)]  # of before
    await world.database.drafts.insert_many(rows)

    async def told(topic: pb.Topic) -> str:
        try:
            await save(world, ASKER, REPLY, topic_id=topic.id, body="And I say")
        except DomainError as refusal:
            return reason_of(refusal)
        return ""

    # Each from two devices, of which the second saves what the first began.
    found = await asyncio.gather(*(told(topic) for topic in topics for _ in range(2)))
    assert set(found) == {"", "TOO_MANY_DRAFTS"}
    assert await world.database.drafts.count_documents({"person_id": "asker"}) == MOST_DRAFTS
    written = {row["topic_id"] async for row in world.database.drafts.find({"kind": "REPLY"})}
    assert len(written) == 4
    for topic in topics:
        assert await told(topic) == ("" if topic.id in written else "TOO_MANY_DRAFTS")
    assert await delete(world, ASKER, TOPIC, space_id=space.id)
    (other, *_) = [topic for topic in topics if topic.id not in written]
    assert await told(other) == ""


# -- what a draft is to have


def names(draft: drafts_pb2.Draft) -> list[str]:
    return [one.id for one in draft.attachments]


def words(draft: drafts_pb2.Draft) -> list[str]:
    return [one.text for one in draft.quotes]


async def test_a_draft_has_what_its_post_is_to_have(world: World) -> None:
    world.members.memberships = {"anna": MEMBER_KEYS, "carl": ("public",)}
    space = await world.space()
    source = await world.topic(space, HELPER, body="Wise words stand here.")
    files = [await ready(world), await ready(world)]
    quote = pb.Quote(topic_id=source.id, text="Wise words")
    fields: dict[str, Any] = {
        "attachment_ids": [one.id for one in reversed(files)],
        "mentioned_ids": ["anna", "carl", "asker"],
        "quotes": [quote],
    }
    before = await world.stored()
    saved = await save(world, ASKER, TOPIC, space_id=space.id, body="So", **fields)
    assert names(saved) == fields["attachment_ids"]
    assert list(saved.mentioned_ids) == ["anna"]  # who cannot read it is left out, as of posts
    (shown,) = saved.quotes
    assert (shown.source.topic_id, shown.text) == (source.id, "Wise words")
    assert shown.author.person_id == "helper"
    assert await get(world, ASKER, TOPIC, space_id=space.id) == saved
    listing = drafts_pb2.ListDraftsRequest(community_id="c1")
    assert list((await world.of(ASKER, DraftServiceStub).ListDrafts(listing)).drafts) == [saved]
    after = await world.stored()
    after.pop("drafts")
    before.pop("drafts", None)
    assert after == before  # the files are nobody's yet, nobody was told
    fields["mentioned_ids"] = ["anna"]
    world.members.away = True  # nobody is asked again about those who were found
    again = await save(world, ASKER, TOPIC, space_id=space.id, body="So far", **fields)
    assert (names(again), list(again.mentioned_ids)) == (names(saved), ["anna"])
    world.members.away = False
    # As it is posted: the draft goes, the files are the post's.
    topic = await world.topic(space, **fields)
    assert [one.id for one in topic.attachments] == fields["attachment_ids"]
    assert await drafts(world, ASKER) == ([], "")
    bare = await save(world, ASKER, TOPIC, space_id=space.id, body="Next")
    assert not any((bare.attachments, bare.mentioned_ids, bare.quotes))


async def test_what_was_saved_without_them_is_loaded(world: World) -> None:
    space = await world.space()
    await save(world, ASKER, TOPIC, space_id=space.id, body="Old")
    gone = {"attachments": "", "mentioned_ids": "", "quotes": ""}
    await world.database.drafts.update_many({}, {"$unset": gone})
    assert (await get(world, ASKER, TOPIC, space_id=space.id)).body == "Old"


async def test_what_one_sees_no_longer_is_not_shown_and_may_stay(world: World) -> None:
    space, narrow = await world.space(), await world.space("narrow")
    source = await world.topic(narrow, HELPER, body="Wise words stand here.")
    place: dict[str, Any] = {"topic_id": (await world.topic(space)).id}
    quotes = [pb.Quote(topic_id=source.id, text="Wise words")]
    assert words(await save(world, ASKER, REPLY, **place, quotes=quotes)) == ["Wise words"]
    change = pb.UpdateSpaceRequest(**world.ids(), space_id=narrow.id, audience=pb.AUDIENCE_VENDOR)
    await world.of(MANAGING).UpdateSpace(change)
    assert words(await get(world, ASKER, REPLY, **place)) == []
    # The text can be saved all the same; where it is posted the quote is refused, as ever.
    assert words(await save(world, ASKER, REPLY, **place, body="So", quotes=quotes)) == []
    reply = pb.CreateReplyRequest(**world.ids(), **place, body="So", quotes=quotes)
    await refused(world, world.of(ASKER).CreateReply(reply), "QUOTE_INVALID", "quotes.0.topic_id")
    assert (await get(world, ASKER, REPLY, **place)).version == 2
    # What was never seen is found out by nobody.
    for text in ("stand here", "no such words"):
        unseen = [pb.Quote(topic_id=source.id, text=text)]
        hidden = save(world, ASKER, REPLY, **place, quotes=unseen)
        await refused(world, hidden, "QUOTE_INVALID", "quotes.0.topic_id")


async def test_an_edit_may_keep_what_the_post_has(world: World) -> None:
    space = await world.space()
    source = await world.topic(space, HELPER, body="Wise words stand here.")
    file = await ready(world)
    quote = pb.Quote(topic_id=source.id, text="Wise words")
    topic = await world.topic(space, attachment_ids=[file.id], quotes=[quote])
    await world.act("UpdateTopic", HELPER, source, body="Other words stand here.")
    fields: dict[str, Any] = {"attachment_ids": [file.id], "quotes": [quote]}
    saved = await save(world, ASKER, TOPIC_EDIT, topic_id=topic.id, **fields)
    assert (names(saved), words(saved)) == ([file.id], [])
    elsewhere = save(world, ASKER, TOPIC, space_id=space.id, attachment_ids=[file.id])
    await refused(world, elsewhere, "ATTACHMENT_STATE_INVALID")


async def test_what_a_draft_cannot_have_is_refused(world: World) -> None:
    space = await world.space()
    vendors = await world.space("vendors", audience=pb.AUDIENCE_VENDOR)
    hidden = await world.topic(vendors, MANAGING, body="Secret words.")
    files = [await ready(world), await ready(world, actor=HELPER)]
    waiting = (await upload(world, image())).attachment
    wrong: list[tuple[dict[str, Any], str, str]] = [
        ({"attachment_ids": ["none"]}, "ATTACHMENT_NOT_FOUND", "attachment_ids"),
        ({"attachment_ids": [files[1].id]}, "ATTACHMENT_NOT_FOUND", "attachment_ids"),
        ({"attachment_ids": [waiting.id]}, "ATTACHMENT_STATE_INVALID", ""),
        ({"attachment_ids": [files[0].id] * 2}, "ATTACHMENTS_TOO_MANY", "attachment_ids"),
        ({"mentioned_ids": list("abcdefghijk")}, "MENTIONS_TOO_MANY", "mentioned_ids"),
        ({"quotes": [pb.Quote(topic_id="none", text="x")]}, "QUOTE_INVALID", "quotes.0.topic_id"),
        (
            {"quotes": [pb.Quote(topic_id=hidden.id, text="Secret words")]},
            "QUOTE_INVALID",
            "quotes.0.topic_id",
        ),
    ]
    for fields, reason, field in wrong:
        call = save(world, ASKER, TOPIC, space_id=space.id, **fields)
        await refused(world, call, reason, field)
    narrow = save(
        world, MANAGING, TOPIC, space_id=space.id,
        quotes=[pb.Quote(topic_id=hidden.id, text="Secret words")],
    )  # fmt: skip
    await refused(world, narrow, "QUOTE_TOO_NARROW", "quotes.0.topic_id")
    # Nobody else hears of the files of a draft.
    await save(world, ASKER, TOPIC, space_id=space.id, attachment_ids=[files[0].id])
    assert await seen(world, MODERATING, files[0].id) == {}


# -- what an edit changed


async def compare(world: World, actor: Actor, post: pb.Topic | pb.Reply, edition: int) -> Any:
    on: dict[str, Any] = (
        {"topic_id": post.id}
        if isinstance(post, pb.Topic)
        else {"topic_id": post.topic_id, "reply_id": post.id}
    )
    request = pb.GetRevisionDiffRequest(community_id="c1", edition=edition, **on)
    return (await world.of(actor).GetRevisionDiff(request)).revision_diff


def former(segments: Any) -> str:
    return "".join(one.text for one in segments if one.kind != pb.DIFF_KIND_ADDED)


def later(segments: Any) -> str:
    return "".join(one.text for one in segments if one.kind != pb.DIFF_KIND_REMOVED)


async def test_get_revision_diff(world: World) -> None:
    topic = await world.topic(await world.space(), tags=["grace", "hope"])
    edit = {"title": "Frobnicators?", "tags": ["hope", "joy"], "update_tags": True}
    await world.act("UpdateTopic", ASKER, topic, **edit)
    await world.act("UpdateTopic", ASKER, topic, body="How do I *turn on* the frobnicator?")
    found = await compare(world, HELPER, topic, 1)
    assert (found.edition, found.later_edition) == (1, 2)
    assert (former(found.title_segments), later(found.title_segments)) == (
        "Frobnicator?",
        "Frobnicators?",
    )
    assert (list(found.removed_tags), list(found.added_tags)) == (["grace"], ["joy"])
    assert [one.kind for one in found.body_segments] == [pb.DIFF_KIND_UNCHANGED]
    found = await compare(world, HELPER, topic, 2)
    assert (found.edition, found.later_edition) == (2, 3)
    assert (former(found.body_segments), later(found.body_segments)) == (
        BODY,
        "How do I *turn on* the frobnicator?",
    )
    reply = await world.reply(topic)
    await world.act("UpdateReply", HELPER, reply, body="Turn it on and off.")
    found = await compare(world, ASKER, reply, 1)
    assert (former(found.body_segments), later(found.body_segments)) == (
        "Turn it off and on.", "Turn it on and off.",
    )  # fmt: skip


async def test_a_diff_shows_no_text_that_one_cannot_read(world: World) -> None:
    topic = await world.topic(await world.space(), body="A text with a secret in it.")
    await world.act("UpdateTopic", ASKER, topic, body="A text with a secret, edited.")
    await world.act("UpdateTopic", MODERATING, topic, body="A text without, by a moderator.")
    # What was before is for its author and moderators.
    for actor in (ASKER, MODERATING):
        found = await compare(world, actor, topic, 1)
        text = "A text with a secret, edited."
        assert (found.later_edition, later(found.body_segments)) == (2, text)
        found = await compare(world, actor, topic, 2)
        assert found.later_edition == 3
    for edition in (1, 2, 3, 0, -1):
        unseen = compare(world, HELPER, topic, edition)
        await refused(world, unseen, "REVISION_NOT_FOUND", "edition")
    outside = compare(world, STRANGER, topic, 1)
    await refused(world, outside, CommunityNotFoundError, "community_id")
    await world.act("UpdateTopic", ASKER, topic, body="A text without, by its author again.")
    found = await compare(world, HELPER, topic, 3)
    assert former(found.body_segments) == "A text without, by a moderator."
    await world.act("HideTopic", MODERATING, topic, reason="wrong")
    hidden = compare(world, HELPER, topic, 1)
    await refused(world, hidden, "TOPIC_NOT_FOUND", "topic_id")


async def test_what_was_before_a_moderators_edit_is_withheld_of_former_times_too(
    world: World,
) -> None:
    topic = await world.topic(await world.space(), body="A text with a secret in it.")
    other = await world.topic(await world.space("other"))
    await world.act("UpdateTopic", ASKER, other, body="Another text of its author.")
    await world.act("UpdateTopic", ASKER, topic, body="A text with a secret, edited.")
    await world.act("UpdateTopic", MODERATING, topic, body="A text without, by a moderator.")
    await world.act("UpdateTopic", ASKER, topic, body="A text without, by its author again.")
    revisions = world.database.revisions
    formerly = {"$set": {"read_keys": [f"space:{topic.space_id}"]}}
    await revisions.update_one({"post_id": topic.id, "edition": 1}, formerly)
    await revisions.update_many({}, {"$unset": {"by_moderator": ""}})
    assert await compare(world, HELPER, topic, 1)
    for _ in range(2):
        for migration in MIGRATIONS:
            await migration.run(world.database)
    unseen = compare(world, HELPER, topic, 1)
    await refused(world, unseen, "REVISION_NOT_FOUND", "edition")
    for actor, post, edition in ((ASKER, topic, 1), (HELPER, topic, 3), (HELPER, other, 1)):
        assert await compare(world, actor, post, edition)


# -- in whose name, and with which poll


async def test_a_draft_has_its_company_and_its_poll_so_far(world: World) -> None:
    space, now = await world.space(), datetime.now(UTC)
    poll = drafts_pb2.DraftPoll(
        question="Which one?",
        options=["This", "This", ""],
        multiple=True,
        anonymous=True,
        results_shown=RESULTS_SHOWN_AFTER_VOTE,
        close_time=timestamp_of(
            cut(now - timedelta(days=1))
        ),  # over: that is seen when it is asked
    )
    here = {"space_id": space.id}
    saved = await save(world, ASKER, TOPIC, **here, as_company=True, poll=poll)
    assert (saved.as_company, saved.poll) == (True, poll)
    assert await get(world, ASKER, TOPIC, **here) == saved
    request = drafts_pb2.ListDraftsRequest(community_id="c1")
    assert list((await world.of(ASKER, DraftServiceStub).ListDrafts(request)).drafts) == [saved]
    for actor in (HELPER, MODERATING, MANAGING):
        await refused(world, get(world, actor, TOPIC, **here), "DRAFT_NOT_FOUND", "draft_kind")
    bare = await save(world, ASKER, TOPIC, **here, poll=drafts_pb2.DraftPoll())
    assert bare.HasField("poll")
    assert bare.poll == drafts_pb2.DraftPoll()
    none = await save(world, ASKER, TOPIC, **here)
    assert (none.as_company, none.HasField("poll")) == (False, False)
    await world.database.drafts.update_one({}, {"$unset": {"poll": 1, "as_company": 1}})
    old = await get(world, ASKER, TOPIC, **here)  # as it was stored before there were any
    assert (old.as_company, old.HasField("poll")) == (False, False)
    assert await world.said() == ["SpaceCreated"]


async def test_a_draft_has_what_its_topic_is_to_be_about(world: World) -> None:
    topic = await world.topic(await world.space())
    deal = pb.ContextRef(system="crm", type="deal", external_id="D-7")
    course = pb.ContextRef(system="lms", type="course", external_id="7")
    new = {"space_id": topic.space_id}
    saved = await save(world, ASKER, TOPIC, **new, context_refs=[deal, course])
    assert list(saved.context_refs) == [deal, course]
    assert await get(world, ASKER, TOPIC, **new) == saved
    edit = await save(world, ASKER, TOPIC_EDIT, topic_id=topic.id, context_refs=[course])
    request = drafts_pb2.ListDraftsRequest(community_id="c1")
    listed = (await world.of(ASKER, DraftServiceStub).ListDrafts(request)).drafts
    assert list(listed) == [edit, saved]
    for actor in (HELPER, MODERATING, MANAGING):
        await refused(world, get(world, actor, TOPIC, **new), "DRAFT_NOT_FOUND", "draft_kind")
        about = pb.ListTopicsRequest(community_id="c1", context=deal)
        assert not (await world.of(actor).ListTopics(about)).topics
    full = [pb.ContextRef(system="crm", type="deal", external_id=str(n)) for n in range(6)]
    for refs, field in (
        (full, "context_refs"),
        ([deal, deal], "context_refs.1"),
        ([course, pb.ContextRef(system="The CRM", type="deal", external_id="1")],
         "context_refs.1.system"),
        ([pb.ContextRef(system="crm", type="deal")], "context_refs.0.external_id"),
    ):  # fmt: skip
        call = save(world, ASKER, TOPIC, **new, context_refs=refs)
        await refused(world, call, FieldInvalidError, field)
    none = await save(world, ASKER, TOPIC, **new)
    assert not none.context_refs
    await world.database.drafts.update_many({}, {"$unset": {"context_refs": 1}})
    assert await get(world, ASKER, TOPIC, **new) == none  # as stored before there were any


async def test_what_no_such_post_has_is_refused(world: World) -> None:
    topic = await world.topic(await world.space())
    reply = await world.reply(topic)
    here = {"topic_id": topic.id}
    of_reply = {**here, "reply_id": reply.id}
    question = drafts_pb2.DraftPoll(question="Which one?")
    about = [pb.ContextRef(system="crm", type="deal", external_id="D-7")]
    assert (await save(world, ASKER, REPLY, **here, as_company=True)).as_company
    for actor, kind, fields, field in (
        (ASKER, TOPIC_EDIT, {**here, "as_company": True}, "as_company"),
        (HELPER, REPLY_EDIT, {**of_reply, "as_company": True}, "as_company"),
        (ASKER, REPLY, {**here, "context_refs": about}, "context_refs"),
        (HELPER, REPLY_EDIT, {**of_reply, "context_refs": about}, "context_refs"),
        (ASKER, REPLY, {**here, "poll": question}, "poll"),
        (ASKER, TOPIC_EDIT, {**here, "poll": question}, "poll"),
    ):
        call = save(world, actor, kind, **fields)
        await refused(world, call, FieldInvalidError, field)
    place = {"space_id": topic.space_id}
    for change, reason, field in (
        ({"question": "x" * 301}, TextInvalidError, "poll.question"),
        ({"options": ["x" * 201]}, TextInvalidError, "poll.options"),
        ({"options": ["x"] * 21}, FieldInvalidError, "poll.options"),
        ({"results_shown": 9}, FieldInvalidError, "poll.results_shown"),
        ({"close_time": Timestamp(seconds=2**62)}, FieldInvalidError, "poll.close_time"),
    ):
        poll = drafts_pb2.DraftPoll(**change)
        await refused(world, save(world, ASKER, TOPIC, **place, poll=poll), reason, field)


async def test_a_newcomer_begins_nothing_as_their_company_and_keeps_what_was(world: World) -> None:
    here = {"space_id": (await world.space()).id}
    call = save(world, NEWCOMER, TOPIC, **here, as_company=True)
    await refused(world, call, "AS_COMPANY_NOT_ALLOWED", "as_company")
    await save(world, person_actor("newcomer"), TOPIC, **here, as_company=True)
    kept = await save(world, NEWCOMER, TOPIC, **here, as_company=True, body="More of it")
    assert (kept.as_company, kept.body) == (True, "More of it")
