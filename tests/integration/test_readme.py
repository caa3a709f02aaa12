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
