"""Owners of articles over real gRPC: who hands over, to whom, and what comes of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from chassis.actors import MANAGER, Actor
from chassis.errors import (
    CommunityNotFoundError,
    DomainError,
    RequestIdReusedError,
    RoleRequiredError,
    VersionStaleError,
)
from chassis.rpc_status import reason_of
from chassis.testing import outbox, person_actor
from guildhall.forum.v1 import curation_pb2
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.forum.v1.curation_pb2_grpc import CurationServiceStub
from services.forum.domain.topics.curation import OwnerInvalidError
from services.forum.tests.conftest import ASKER, HELPER, MANAGING, MODERATING, STRANGER, World
from services.forum.tests.test_forum_curation_servicer import article, curate, time_in, wide
from services.forum.tests.test_forum_servicer import refused
from services.forum.tests.test_forum_verification_servicer import fall_due, rechecks

READER = person_actor("reader")
PEOPLE = (ASKER, HELPER, READER, MODERATING, MANAGING, STRANGER)


async def give(
    world: World, actor: Actor, topic: pb.Topic, owner_id: str, version: int = 0
) -> pb.Topic:
    answer = await curate(
        world, "SetArticleOwner", actor, topic, owner_id=owner_id, expected_version=version
    )
    given: pb.Topic = answer.topic
    return given


async def entries(world: World, topic: pb.Topic) -> list[tuple[str, str]]:
    """What moderators did to it, and who."""
    request = pb.ListModerationEntriesRequest(community_id="c1", topic_id=topic.id)
    found = await world.of(MODERATING).ListModerationEntries(request)
    return [(one.action, one.actor) for one in found.moderation_entries]


async def edit(world: World, actor: Actor, topic: pb.Topic, body: str) -> pb.Topic:
    request = pb.UpdateTopicRequest(**world.ids(), topic_id=topic.id, body=body)
    answer: pb.UpdateTopicResponse = await world.of(actor).UpdateTopic(request)
    return answer.topic


async def test_an_owner_edits_what_they_keep_right(world: World) -> None:
    world.members.actors = PEOPLE
    topic = await article(world)
    await give(world, ASKER, topic, "helper")
    edited = await edit(world, HELPER, topic, "Right once again")
    assert (edited.body, edited.edition, edited.edited_by_moderator) == (
        "Right once again",
        2,
        False,
    )
    assert edited.author == topic.author
    assert "UpdateTopic" not in [action for action, _ in await entries(world, topic)]
    # Whoever reads the article reads what stood there, as after an edit of its author's.
    asked = pb.ListRevisionsRequest(community_id="c1", topic_id=topic.id)
    (former,) = (await world.of(READER).ListRevisions(asked)).revisions
    assert (former.body, former.editor_id) == (topic.body, "helper")
    assert (
        await edit(world, ASKER, topic, "Righter than ever")
    ).body == "Righter than ever"  # the author still may


async def test_only_who_owns_what_is_out_edits_it(world: World) -> None:
    world.members.actors = PEOPLE
    topic = await article(world)
    await give(world, ASKER, topic, "helper")
    change: dict[str, Any] = {"topic_id": topic.id, "body": "Mine is better"}

    def edits(actor: Actor) -> Any:
        return world.of(actor).UpdateTopic(pb.UpdateTopicRequest(**world.ids(), **change))

    await refused(world, edits(READER), RoleRequiredError)
    await refused(world, edits(STRANGER), CommunityNotFoundError, "community_id")
    await give(world, HELPER, topic, "reader")
    await refused(world, edits(HELPER), RoleRequiredError)  # owns it no more
    hide = pb.HideTopicRequest(**world.ids(), topic_id=topic.id, reason="wrong")
    await world.of(MODERATING).HideTopic(hide)
    await refused(world, edits(READER), "TOPIC_NOT_FOUND", "topic_id")  # theirs, and out of sight


async def test_an_owner_hands_over(world: World) -> None:
    world.members.actors = PEOPLE
    topic = await article(world)
    given = await give(world, ASKER, topic, "helper", topic.version)
    assert (given.owner_id, given.version) == ("helper", topic.version + 1)
    assert given.author == topic.author
    assert (await outbox(world.database))[-1] == said.ArticleOwnerChanged(
        topic_id=topic.id, owner_id="helper"
    )
    assert await world.see(READER, topic) == given
    assert await entries(world, topic) == []
    # The owner of before is one no more; the new one may all that an owner may.
    await refused(world, give(world, ASKER, topic, "asker"), RoleRequiredError)
    review = curate(world, "ReviewArticle", ASKER, topic, review_due_time=time_in(1))
    await refused(world, review, RoleRequiredError)
    await curate(world, "ReviewArticle", HELPER, topic, review_due_time=time_in(1))
    assert (await give(world, HELPER, topic, "asker")).owner_id == "asker"


@pytest.mark.parametrize("actor", [MODERATING, MANAGING])
async def test_a_moderator_finds_another_owner(world: World, actor: Actor) -> None:
    world.members.actors = [one for one in PEOPLE if one is not ASKER]  # who has left
    topic = await article(world)
    given = await give(world, actor, topic, "helper")
    assert (given.owner_id, given.version) == ("helper", topic.version + 1)
    assert await entries(world, topic) == [("SetArticleOwner", actor.person_id)]
    # Said once more it is no news.
    before = await world.said(), await entries(world, topic)
    assert await give(world, actor, topic, "helper") == given
    assert (await world.said(), await entries(world, topic)) == before


async def test_the_queue_is_the_new_owners(world: World) -> None:
    world.members.actors = PEOPLE
    topic = await article(world)
    await curate(world, "ReviewArticle", ASKER, topic, review_due_time=time_in(1))
    await fall_due(world, topic.id)
    assert (await rechecks(world, ASKER), await rechecks(world, HELPER)) == (
        ([topic.id], ""),
        ([], ""),
    )
    await give(world, ASKER, topic, "helper")
    assert (await rechecks(world, ASKER), await rechecks(world, HELPER)) == (
        ([], ""),
        ([topic.id], ""),
    )
    assert await rechecks(world, MODERATING) == ([topic.id], "")


async def test_asked_again_it_answers_as_before(world: World) -> None:
    world.members.actors = PEOPLE
    topic = await article(world)
    request = curation_pb2.SetArticleOwnerRequest(
        **world.ids(), topic_id=topic.id, owner_id="helper", expected_version=topic.version
    )
    stub = world.of(ASKER, CurationServiceStub)
    first = await stub.SetArticleOwner(request)
    world.members.away = True  # whatever has become of the people
    before = await world.stored()
    assert await stub.SetArticleOwner(request) == first
    assert await world.stored() == before
    request.owner_id = "reader"
    await refused(world, stub.SetArticleOwner(request), RequestIdReusedError, "request_id")


async def test_who_cannot_read_the_space_is_no_owner(world: World) -> None:
    world.members.actors = PEOPLE
    vendors = await wide(world, audience=pb.AUDIENCE_VENDOR)
    topic = await world.topic(vendors, MANAGING, kind=pb.TOPIC_KIND_ARTICLE)
    open_topic = await world.topic(await wide(world, "open"), MANAGING, kind=pb.TOPIC_KIND_ARTICLE)
    told = set()
    # A member outside the wall, one of another community, and whoever nobody is: all alike.
    for owner_id in ("helper", "stranger", "nobody", "", "x\x00y", "x" * 70_000):
        before = await world.stored()
        with pytest.raises(DomainError) as refusal:
            await give(world, MANAGING, topic, owner_id)
        told.add((reason_of(refusal.value), refusal.value.field, str(refusal.value)))
        assert await world.stored() == before
    assert len(told) == 1
    await refused(
        world, give(world, MANAGING, open_topic, "stranger"), OwnerInvalidError, "owner_id"
    )
    assert (await give(world, MANAGING, open_topic, "helper")).owner_id == "helper"


async def test_set_article_owner_refuses(world: World) -> None:
    world.members.actors = PEOPLE
    topic = await article(world)
    question = await world.topic(await world.space())
    hidden = await world.topic(
        await wide(world, "vendors", audience=pb.AUDIENCE_VENDOR),
        MANAGING,
        kind=pb.TOPIC_KIND_ARTICLE,
    )
    missing = pb.Topic(id="none")
    asked = list(world.members.asked)
    # Who may not is not told who can read it.
    for owner_id in ("helper", "reader", "nobody"):
        await refused(world, give(world, HELPER, topic, owner_id), RoleRequiredError)
    for outside in (give(world, STRANGER, topic, "helper"), give(world, STRANGER, topic, "x")):
        await refused(world, outside, CommunityNotFoundError, "community_id")
    for one in (hidden, missing):
        await refused(world, give(world, ASKER, one, "helper"), "TOPIC_NOT_FOUND", "topic_id")
    assert world.members.asked == asked
    await refused(world, give(world, MODERATING, question, "helper"), "NOT_AN_ARTICLE")
    stale = give(world, ASKER, topic, "helper", version=9)
    await refused(world, stale, VersionStaleError, "expected_version")
    world.members.away = True
    await refused(world, give(world, ASKER, topic, "helper"), "UNAVAILABLE")
    world.members.away = False
    await world.act("HideTopic", MODERATING, topic, reason="wrong")
    await refused(world, give(world, ASKER, topic, "helper"), "TOPIC_STATE_INVALID")


async def ownerless(
    world: World, actor: Actor = MANAGING, **more: Any
) -> tuple[list[str], str, str]:
    """Ids, the token, and the last row's own."""
    request = curation_pb2.ListOwnerlessArticlesRequest(community_id="c1", **more)
    page = await world.of(actor, CurationServiceStub).ListOwnerlessArticles(request)
    last = page.articles[0 if request.backward else -1].page_token if page.articles else ""
    return [one.topic_id for one in page.articles], page.next_page_token, last


async def articles(world: World) -> dict[str, list[pb.Topic]]:
    """Two articles of each of four people, in two spaces; in the list's order."""
    spaces = [await wide(world, slug) for slug in ("first", "second")]
    return {
        actor.person_id: sorted(
            [await world.topic(one, actor, kind=pb.TOPIC_KIND_ARTICLE) for one in spaces],
            key=lambda topic: topic.id,
        )
        for actor in (ASKER, HELPER, MODERATING, READER)
    }


async def test_articles_of_who_has_left_wait_for_another_owner(world: World) -> None:
    world.members.actors = PEOPLE
    of = await articles(world)
    question = await world.topic(await world.space())
    before = await world.stored()
    assert await ownerless(world) == ([], "", "")
    world.members.actors = [MODERATING, MANAGING, READER]
    expected = [one.id for person in ("asker", "helper") for one in of[person]]
    assert (await ownerless(world))[0] == expected
    assert question.id not in expected
    assert await world.stored() == before
    # Whoever comes back keeps them right again; others get another owner.
    world.members.actors = [MODERATING, MANAGING, READER, HELPER]
    first, second = of["asker"]
    assert (await ownerless(world))[0] == [first.id, second.id]
    await give(world, MANAGING, first, "reader")
    assert (await ownerless(world))[0] == [second.id]
    await world.act("HideTopic", MODERATING, second, reason="wrong")  # nobody could give it away
    assert await ownerless(world) == ([], "", "")


async def test_ownerless_articles_are_paged_both_ways(world: World) -> None:
    of = await articles(world)
    world.members.actors = [one for one in PEOPLE if one is not ASKER and one is not READER]
    expected = [one.id for person in ("asker", "reader") for one in of[person]]
    for size in (1, 2, 3, 4):
        for backward in (False, True):
            seen: list[str] = []
            token = ""
            while True:
                ids, token, last = await ownerless(
                    world, page_size=size, page_token=token, backward=backward
                )
                seen = ids + seen if backward else seen + ids
                if not token:
                    break
                assert token == last  # the gateway makes cursors of them
            assert seen == expected
    wrong = ownerless(world, page_token="x")
    await refused(world, wrong, "PAGE_TOKEN_INVALID", "page_token")


async def test_many_owners_are_asked_about_by_hundreds(world: World) -> None:
    topic = await article(world)
    (row,) = await world.database.topics.find({"_id": topic.id}).to_list()
    rows = [{**row, "_id": f"t{n:03}", "owner_id": f"p{n:03}"} for n in range(250)]
    await world.database.topics.insert_many(rows)
    stay = [person_actor(f"p{n:03}") for n in range(250) if n not in (120, 249)]
    world.members.actors = [MANAGING, ASKER, *stay]
    world.members.asked.clear()
    assert (await ownerless(world, page_size=1))[0] == ["t120"]
    assert [len(one) for one in world.members.asked] == [100, 100, 51]
    assert (await ownerless(world))[0] == ["t120", "t249"]
    world.members.asked.clear()
    world.members.actors = [MANAGING]
    assert len((await ownerless(world))[0]) == 20
    assert [len(one) for one in world.members.asked] == [100]
    query = {"community_id": "c1", "owner_id": {"$gte": ""}}
    command = {"distinct": "topics", "key": "owner_id", "query": query}
    plan = await world.database.command("explain", command, verbosity="executionStats")
    assert plan["executionStats"]["totalDocsExamined"] == 0
    assert plan["executionStats"]["totalKeysExamined"] <= 252


async def test_ownerless_articles_stay_behind_their_walls(world: World) -> None:
    mine = await article(world)
    vendors = await wide(world, "vendors", audience=pb.AUDIENCE_VENDOR)
    hidden = await world.topic(vendors, MANAGING, kind=pb.TOPIC_KIND_ARTICLE)
    world.members.actors = []  # whoever asks has a token still
    both = sorted([(mine.owner_id, mine.id), (hidden.owner_id, hidden.id)])
    assert (await ownerless(world))[0] == [id_ for _, id_ in both]
    assert (await ownerless(world, space_id=vendors.id))[0] == [hidden.id]
    assert (await ownerless(world, space_id=mine.space_id))[0] == [mine.id]
    outer = person_actor("outer", roles=[MANAGER])  # without the key of the vendor's people
    outer = replace(
        outer,
        memberships={
            "c1": replace(outer.memberships["c1"], keyring=("community:c1",)),
        },
    )
    assert (await ownerless(world, outer))[0] == [mine.id]
    for space_id in (vendors.id, "none"):
        unseen = ownerless(world, outer, space_id=space_id)
        await refused(world, unseen, "SPACE_NOT_FOUND", "space_id")
    for actor in (ASKER, MODERATING):
        await refused(world, ownerless(world, actor), RoleRequiredError)
    await refused(world, ownerless(world, STRANGER), CommunityNotFoundError, "community_id")
    world.members.away = True
    await refused(world, ownerless(world), "UNAVAILABLE")


@pytest.mark.parametrize(("actor", "version"), [(ASKER, 0), (MODERATING, 1)])
async def test_of_two_at_once_one_is_first(world: World, actor: Actor, version: int) -> None:
    """An owner gives it away once, however often; who names a version changes only that one."""
    world.members.actors = PEOPLE
    topic = await article(world)
    results = await asyncio.gather(
        *(give(world, actor, topic, one, version) for one in ("helper", "reader")),
        return_exceptions=True,
    )
    (first,) = [one for one in results if isinstance(one, pb.Topic)]
    (second,) = [one for one in results if isinstance(one, DomainError)]
    assert reason_of(second) == ("VERSION_STALE" if version else "ROLE_REQUIRED")
    assert await world.see(READER, topic) == first
    assert (await world.said()).count("ArticleOwnerChanged") == 1


async def test_owners_of_what_a_company_wrote_do_not_tell_who_wrote_it(world: World) -> None:
    world.members.actors = PEOPLE
    topic = await article(world, as_company=True)
    colleague = person_actor("colleague")
    for owner_id, known in (("helper", [HELPER]), ("reader", []), ("asker", [])):
        given = await give(world, MODERATING, topic, owner_id)
        assert given.owner_id == ""
        for actor in (colleague, ASKER, MODERATING, *known):
            assert (await world.see(actor, topic)).owner_id == owner_id
        if not known:
            assert (await world.see(HELPER, topic)).owner_id == ""
