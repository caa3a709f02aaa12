"""Who and what the demo shows: companies, communities, memberships, first questions and answers."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from devstack.demo.client import DemoClient, DemoError

OPERATOR = "operator@guildhall.example"
AURORA_MANAGER, BOREALIS_MANAGER = "manager@aurora.example", "manager@borealis.example"
ENGINEER, BOTH, SELLER = "engineer@kestrel.example", "both@kestrel.example", "seller@lumen.example"

_COMPANIES = (
    ("aurora", "VENDOR", "Aurora Systems", "Storage that heals itself."),
    ("borealis", "VENDOR", "Borealis Networks", "Networks for places without roads."),
    ("kestrel", "PARTNER", "Kestrel", "Integrator for hospitals and harbours."),
    ("lumen", "PARTNER", "Lumen", "Reseller and managed services."),
)
# What a company can do, by the tags of what is asked: whom open questions are brought before.
_STORING, _RADIO = ("storage", "maintenance"), ("radio", "certification")
_VIEWER = "query Viewer { viewer { person { id } memberships { community { id } } } }"


def issuers() -> dict[str, str]:
    """Issuer by key, as the devstack told the gateway."""
    path = Path(os.environ.get("GUILDHALL_DATA", ".data")) / "issuers.json"
    try:
        return {entry["key"]: entry["issuer"] for entry in json.loads(path.read_text())}
    except OSError as error:
        raise DemoError(f"cannot read {path}: start the system first") from error


async def load(client: DemoClient) -> None:
    """Everything in the order it depends on each other; run twice, it changes nothing."""
    companies = await _companies(client)
    aurora = await _community(client, "aurora", "Aurora Partners", companies["aurora"])
    borealis = await _community(client, "borealis", "Borealis Circle", companies["borealis"])
    await _enrol(client, aurora, companies["kestrel"], "SI", "GOLD", auto_join=True, can=_STORING)
    await _enrol(client, borealis, companies["kestrel"], "SI", "SILVER", auto_join=False)
    await _enrol(
        client, borealis, companies["lumen"], "RESELLER", "GOLD", auto_join=True, can=_RADIO
    )
    await _member(client, aurora, AURORA_MANAGER, ["MANAGER", "MODERATOR"])
    await _member(client, borealis, BOREALIS_MANAGER, ["MANAGER", "MODERATOR"])
    await _member(client, aurora, ENGINEER, [])
    await _member(client, aurora, BOTH, [])
    await _member(client, borealis, BOTH, [])
    await _member(client, borealis, SELLER, [])
    spaces = {
        "aurora": await _space(client, AURORA_MANAGER, aurora),
        "borealis": await _space(client, BOREALIS_MANAGER, borealis),
    }
    await _rules(client, AURORA_MANAGER, aurora)
    await _rules(client, BOREALIS_MANAGER, borealis)
    await _talk(client, spaces)
    await _groups(client, aurora, borealis)
    await _news(client, aurora, borealis)


async def _companies(client: DemoClient) -> dict[str, str]:
    known = issuers()
    ids: dict[str, str] = {}
    for key, kind, name, description in _COMPANIES:
        made = await client.mutate(
            OPERATOR,
            "createCompany",
            "{ company { id } }",
            kind=kind,
            name=name,
            description=description,
            issuer=known[key],
        )
        ids[key] = made["company"]["id"]
    return ids


async def _community(client: DemoClient, slug: str, name: str, vendor: str) -> str:
    made = await client.mutate(
        OPERATOR,
        "createCommunity",
        "{ community { id } }",
        slug=slug,
        name=name,
        description=f"Where partners of {name.split()[0]} ask, answer and meet.",
        vendorCompanyId=vendor,
    )
    community_id: str = made["community"]["id"]
    return community_id


async def _enrol(
    client: DemoClient,
    community: str,
    company: str,
    kind: str,
    tier: str,
    *,
    auto_join: bool,
    can: Sequence[str] = (),
) -> None:
    await client.mutate(
        OPERATOR,
        "createEnrolment",
        "{ enrolment { id } }",
        communityId=community,
        companyId=company,
        partnerType=kind,
        tier=tier,
        autoJoin=auto_join,
        **({"capabilities": list(can)} if can else {}),
    )


async def _member(client: DemoClient, community: str, email: str, roles: list[str]) -> None:
    """The person signs in once, so that the directory knows them, then becomes a member."""
    viewer = (await client.query(email, _VIEWER))["viewer"]
    joined = {membership["community"]["id"] for membership in viewer["memberships"]}
    if community in joined:  # by the enrolment's auto_join, or at an earlier start
        return
    await client.mutate(
        OPERATOR,
        "createMember",
        "{ member { id } }",
        communityId=community,
        personId=viewer["person"]["id"],
        roles=roles,
        trustLevel="REGULAR" if roles else "MEMBER",
    )


async def _space(client: DemoClient, manager: str, community: str) -> str:
    made = await client.mutate(
        manager,
        "createSpace",
        "{ space { id } }",
        communityId=community,
        slug="general",
        name="General",
        description="Questions, answers and what does not fit elsewhere.",
        mode="AUTO",
        audience="COMMUNITY",
    )
    space_id: str = made["space"]["id"]
    return space_id


async def _rules(client: DemoClient, manager: str, community: str) -> None:
    rules: tuple[dict[str, Any], ...] = (
        {
            "kind": "BLOCK",
            "patternKind": "REGEX",
            "pattern": r"\b(?:\d[ -]?){13,16}\b",
            "message": "This looks like a card number. Please take it out.",
        },
        {"kind": "HOLD", "patternKind": "WORD", "pattern": "pricelist*"},
        {"kind": "FLAG", "patternKind": "WORD", "pattern": "competitor*"},
    )
    for rule in rules:
        await client.mutate(manager, "createRule", "{ rule { id } }", communityId=community, **rule)


async def _talk(client: DemoClient, spaces: dict[str, str]) -> None:
    await _thread(
        client,
        spaces["aurora"],
        asker=BOTH,
        title="How long may a node be away before it rebuilds?",
        body=(
            "We moved a rack over the weekend. Two nodes were off for **90 minutes** and the"
            " array began to rebuild. Can the grace period be made longer?\n\n"
            "```\narray status --nodes\n```"
        ),
        tags=["storage", "maintenance"],
        answerer=AURORA_MANAGER,
        answer="Set `rebuild.grace` before you start; 240 minutes is the most that is supported.",
    )
    await _thread(
        client,
        spaces["borealis"],
        asker=SELLER,
        title="Which radios may be sold into harbours?",
        body="A customer wants to cover two harbours and the strait between. What is certified?",
        tags=["radio", "certification"],
        answerer=BOREALIS_MANAGER,
        answer="The B7 and B9 are certified for ports. The strait needs a licence: ask us.",
    )


async def _thread(
    client: DemoClient,
    space: str,
    *,
    asker: str,
    title: str,
    body: str,
    tags: list[str],
    answerer: str,
    answer: str,
) -> None:
    made = await client.mutate(
        asker,
        "createTopic",
        "{ topic { id } }",
        spaceId=space,
        kind="QUESTION",
        title=title,
        body=body,
        tags=tags,
    )
    topic = made["topic"]["id"]
    replied = await client.mutate(
        answerer, "createReply", "{ reply { id } }", topicId=topic, body=answer
    )
    await client.mutate(asker, "acceptReply", "{ topic { id } }", replyId=replied["reply"]["id"])


async def _groups(client: DemoClient, aurora: str, borealis: str) -> None:
    """One that takes people in by rule, and one that is asked: one is in, another waits."""
    await _group(
        client,
        AURORA_MANAGER,
        aurora,
        name="Gold integrators",
        description="Whose company integrates for us in the tier GOLD.",
        joinPolicy="RULE",
        rule={"partnerTypes": ["SI"], "tiers": ["GOLD"]},
    )
    planners = await _group(
        client,
        BOREALIS_MANAGER,
        borealis,
        name="Radio planners",
        description="Frequencies, masts and licences.",
        memberVisibility="MEMBERS",
        joinPolicy="REQUEST",
    )
    for email in (SELLER, BOTH):
        await client.mutate(email, "joinGroup", "{ groupMember { state } }", groupId=planners)
    seller = (await client.query(SELLER, _VIEWER))["viewer"]["person"]["id"]
    await client.mutate(
        BOREALIS_MANAGER,
        "decideGroupRequest",
        "{ groupMember { state } }",
        groupId=planners,
        personId=seller,
        approve=True,
    )


async def _group(client: DemoClient, maker: str, community: str, **fields: Any) -> str:
    made = await client.mutate(
        maker, "createGroup", "{ group { id } }", communityId=community, **fields
    )
    group_id: str = made["group"]["id"]
    return group_id


async def _news(client: DemoClient, aurora: str, borealis: str) -> None:
    """One for everybody, in two languages, and one for whose company is GOLD. Nobody is mailed."""
    told = await _announce(
        client,
        AURORA_MANAGER,
        aurora,
        slug="product-updates",
        name="Product updates",
        theme="PRODUCT_UPDATE",
        title="Nodes may be away for four hours",
        body="From release 7 on `rebuild.grace` takes up to **240 minutes**.",
        severity="IMPORTANT",
    )
    await client.mutate(
        AURORA_MANAGER,
        "putTranslation",
        "{ announcement { id } }",
        announcementId=told,
        locale="de",
        title="Knoten dürfen vier Stunden fehlen",
        body="Ab Version 7 nimmt `rebuild.grace` bis zu **240 Minuten** an.",
    )
    await _announce(
        client,
        BOREALIS_MANAGER,
        borealis,
        slug="opportunities",
        name="Opportunities",
        theme="OPPORTUNITY",
        title="Two harbours look for a radio planner",
        body="Tenders close at the end of the quarter: ask us for the documents.",
        severity="INFO",
        audienceRule={"tiers": ["GOLD"]},
    )


async def _announce(
    client: DemoClient,
    manager: str,
    community: str,
    *,
    slug: str,
    name: str,
    theme: str,
    **announcement: Any,
) -> str:
    made = await client.mutate(
        manager,
        "createChannel",
        "{ channel { id } }",
        communityId=community,
        slug=slug,
        name=name,
        theme=theme,
    )
    drafted = await client.mutate(
        manager,
        "createAnnouncement",
        "{ announcement { id } }",
        channelId=made["channel"]["id"],
        **announcement,
    )
    announcement_id: str = drafted["announcement"]["id"]
    await client.mutate(
        manager, "publishAnnouncement", "{ announcement { id } }", announcementId=announcement_id
    )
    return announcement_id
