"""What the README shows is what happens."""

from __future__ import annotations

import json
import re

import pytest

from devstack.parts import CHECKOUT
from tests.system import ENGINEER, SELLER, System, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


async def test_first_query_has_the_answer_shown(system: System) -> None:
    readme = (CHECKOUT / "README.md").read_text()
    sent = re.search(r"-d '(\{.*\})'", readme)
    shown = re.search(r"```json\n(.*?)```", readme, re.S)
    assert sent is not None
    assert shown is not None
    query = json.loads(sent[1])["query"]
    engineer, seller = await system.asker(ENGINEER), await system.asker(SELLER)
    await until(lambda: engineer.raw(query), lambda answer: answer == json.loads(shown[1]))
    nothing = (await seller(query))["search"]
    assert nothing == {"totalCount": 0, "edges": []}


async def test_a_first_portal_page_begins_with_the_answer_shown(system: System) -> None:
    page = (CHECKOUT / "docs/first-portal-page.md").read_text()
    sent = re.search(r"-d '(\{.*\})'", page)
    shown = re.search(r"```json\n(.*?)```", page, re.S)
    assert sent is not None
    assert shown is not None
    engineer = await system.asker(ENGINEER)
    answer = await engineer.raw(json.loads(sent[1])["query"])
    wanted = json.loads(shown[1])
    # Ids are each installation's own.
    for one in (answer, wanted):
        assert one["data"]["viewer"]["memberships"][0]["community"].pop("id")
    assert answer == wanted
