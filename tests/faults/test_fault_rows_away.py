"""Parts that are gone for a while: what needs them not works, what waited is done afterwards."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.rows import Rows, Traffic
from tests.system import ENGINEER, MANAGER, Asker, RefusedError, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]
HEALED = 30.0  # seconds until everything is as before
_STATE = "query T($id: ID!) { topic(id: $id) { state } }"
_CASES = """query C($id: ID!) { moderationCases(communityId: $id, last: 50) { edges { node {
    id post { ... on Topic { id } }
} } } }"""


@pytest_asyncio.fixture
async def rows(staged: Rows) -> AsyncIterator[Rows]:
    """The stage; a test's connections are closed after it."""
    yield staged
    await staged.system.close_clients()


async def post(asker: Asker, space: str, title: str) -> dict[str, str]:
    made = await asker.mutate(
        "createTopic",
        "{ topic { id state } }",
        spaceId=space,
        kind="DISCUSSION",
        title=title,
        body="About what the title says.",
    )
    topic: dict[str, str] = made["topic"]
    return topic


async def test_moderation_is_gone(rows: Rows) -> None:
    """Spaces that require review hold posts, others publish them; both are looked at afterwards."""
    manager, engineer = await rows.asker(), await rows.asker(ENGINEER)
    made = await manager.mutate(
        "createSpace",
        "{ space { id } }",
        communityId=rows.community,
        slug=f"reviewed-{uuid.uuid4().hex[:8]}",
        name="Reviewed",
        mode="REQUIRED",
    )
    reviewed = made["space"]["id"]
    async with rows.away("moderation"):
        waits = await post(engineer, reviewed, "This one waits for somebody")
        appears = await post(manager, rows.space, "The new pricelist is out")
        with pytest.raises(RefusedError) as refused:
            await manager(_CASES, id=rows.community)
        blocked = "4111 1111 1111 1111"  # would be refused, were somebody there to say so
        slips = await post(manager, rows.space, f"My card {blocked}")
    assert refused.value.code == "UNAVAILABLE"
    assert waits["state"] == "PENDING_REVIEW"
    assert appears["state"] == slips["state"] == "PUBLISHED"

    async def state(topic: dict[str, str]) -> str:
        return str((await manager(_STATE, id=topic["id"]))["topic"]["state"])

    async def case() -> str:
        edges = (await manager(_CASES, id=rows.community))["moderationCases"]["edges"]
        found = [e["node"]["id"] for e in edges if e["node"]["post"] == {"id": waits["id"]}]
        return found[0] if found else ""

    await until(lambda: state(appears), lambda state: state == "HIDDEN", seconds=HEALED)
    await until(lambda: state(slips), lambda state: state == "HIDDEN", seconds=HEALED)
    case_id = await until(case, bool, seconds=HEALED)
    await manager.mutate("decideCase", "{ case { id } }", caseId=case_id, outcome="APPROVE")
    await until(lambda: state(waits), lambda state: state == "PUBLISHED", seconds=HEALED)


async def test_search_is_gone(rows: Rows) -> None:
    """SEARCH_UNAVAILABLE, and nobody else notices; the indexer catches up."""
    traffic = Traffic(rows, "read", "write", "search")
    asker = await rows.asker()
    async with rows.away("search"), traffic.running(asker):
        await traffic.for_(1.5)
    traffic.report.check()
    assert set(traffic.report.codes("read") + traffic.report.codes("write")) == {""}
    assert set(traffic.report.codes("search")) == {"SEARCH_UNAVAILABLE"}
    await traffic.settled(asker, within=HEALED)
    found = await traffic.found(asker, within=HEALED)
    print(f"search gone: {traffic.report}; found {found:.1f} s")


async def test_engine_is_gone_with_its_index(rows: Rows) -> None:
    """The same; an engine that forgets everything is filled anew from the logs."""
    assert rows.stack.search is not None
    before = Traffic(rows)
    asker = await rows.asker()
    await before.settled(asker, within=HEALED)
    traffic = Traffic(rows, "read", "write", "search")
    async with rows.away(rows.stack.search.name), traffic.running(asker):
        await traffic.for_(1.5)
    traffic.report.check()
    assert set(traffic.report.codes("read") + traffic.report.codes("write")) == {""}
    assert traffic.report.codes("search")["SEARCH_UNAVAILABLE"]
    assert set(traffic.report.codes("search")) <= {"", "SEARCH_UNAVAILABLE"}
    await traffic.settled(asker, within=HEALED)
    found = await traffic.found(asker, within=60)
    assert await before.found(asker, within=HEALED) < HEALED
    print(f"engine gone: {traffic.report}; found {found:.1f} s")


async def test_identity_provider_is_gone(rows: Rows) -> None:
    """Tokens and sessions that are there go on; who signs in anew is told on a page."""
    asker, browser = await rows.asker(), await rows.system.browser(MANAGER)
    before = await asyncio.to_thread(rows.sessions)
    async with rows.away("openid"):
        traffic = Traffic(rows)
        assert [await traffic.read(asker), await traffic.write(asker)] == ["", ""]
        assert (await browser("{ viewer { isOperator } }"))["viewer"] is not None
        page = await browser.http.get(
            "/signin/aurora/callback", headers={"accept": "text/html"}, params={"code": "c"}
        )
        assert page.status_code == 400
        assert "This sign-in began in another browser" in page.text
        begun = await browser.http.get("/signin/kestrel", follow_redirects=False)
        assert begun.status_code in (303, 503)  # its endpoints may still be known
        assert await asyncio.to_thread(rows.sessions) == before
    again = await rows.system.browser(ENGINEER)
    assert (await again("{ viewer { isOperator } }"))["viewer"] is not None
    await traffic.settled(asker, within=HEALED)
