"""Who may see what, in plain Python: written from the rules (product/rules.md, design.md 3), not
from the code. Nothing here knows of keys, queries or documents.
"""

from __future__ import annotations

from dataclasses import dataclass, field

OPEN_TO_READERS = ("PUBLISHED", "CLOSED", "ARCHIVED")
WITHHELD = ("PENDING_REVIEW", "REJECTED", "HIDDEN")  # its author and the moderators see it
STEPS = {  # rules.md A1: what a moderator may do with a topic, and what becomes of it
    ("close", "PUBLISHED"): "CLOSED",
    ("reopen", "CLOSED"): "PUBLISHED",
    ("hide", "PUBLISHED"): "HIDDEN",
    ("hide", "CLOSED"): "HIDDEN",
    ("restore", "HIDDEN"): "PUBLISHED",
    ("archive", "PUBLISHED"): "ARCHIVED",
}
REPLY_STEPS = {("hide", "PUBLISHED"): "HIDDEN", ("restore", "HIDDEN"): "PUBLISHED"}


@dataclass
class Company:
    """A partner firm or a vendor; its id in the house, its name in the story."""

    id: str
    name: str


@dataclass
class Person:
    """Works for one company at a time."""

    id: str
    name: str
    subject: str  # of the identity
    company: Company
    active: bool = True


@dataclass
class Membership:
    """On behalf of the company the person joined for."""

    company: Company
    roles: set[str] = field(default_factory=set)
    ended: bool = False
    trusted: bool = True  # else a newcomer, whose posts are held


@dataclass
class Enrolment:
    """A company in a community; one a company, reopened where it ended."""

    id: str
    tier: str
    open: bool = True
    auto_join: bool = False


@dataclass
class Community:
    """A vendor's, with who was ever in it."""

    id: str
    slug: str
    name: str
    vendor: Company
    enrolments: dict[str, Enrolment] = field(default_factory=dict)  # by company id
    memberships: dict[str, Membership] = field(default_factory=dict)  # by person id
    groups: dict[str, Group] = field(default_factory=dict)  # by its id

    def membership(self, person: Person) -> Membership | None:
        """The membership that gives rights now; None: an outsider."""
        held = self.memberships.get(person.id)
        if held is None or held.ended or not person.active:
            return None
        if person.company.id != held.company.id:
            return None
        return held if self.placed(held.company) else None

    def placed(self, company: Company) -> bool:
        """Whether the company is in the community now: its vendor, or enrolled."""
        enrolment = self.enrolments.get(company.id)
        return company.id == self.vendor.id or (enrolment is not None and enrolment.open)

    def tier(self, company: Company) -> str:
        """Of an enrolled company; vendors have none."""
        return "" if company.id == self.vendor.id else self.enrolments[company.id].tier

    def moderates(self, person: Person) -> bool:
        """MODERATOR or MANAGER."""
        held = self.membership(person)
        return held is not None and bool(held.roles & {"MODERATOR", "MANAGER"})

    def manages(self, person: Person) -> bool:
        """MANAGER."""
        held = self.membership(person)
        return held is not None and "MANAGER" in held.roles

    def current(self, person: Person) -> bool:
        """Whether it shows the person among its members now."""
        held = self.memberships.get(person.id)
        return held is not None and not held.ended and person.active and self.placed(held.company)


@dataclass
class Group:
    """People of a community; each is in it through one membership, and ends with that."""

    id: str
    name: str
    community: Community
    hidden: bool  # from all who are not in it, but for the managers
    members: dict[str, Membership] = field(default_factory=dict)  # by person id
    archived: bool = False

    def has(self, person: Person) -> bool:
        """Whether the person is in it, archived or not."""
        held = self.community.membership(person)
        return held is not None and self.members.get(person.id) is held

    def opens_for(self, person: Person) -> bool:
        """Whether what is for it is for the person."""
        return self.has(person) and not self.archived

    def visible(self, person: Person) -> bool:
        """Whether there is such a group."""
        if self.community.membership(person) is None:
            return False
        return not self.hidden or self.has(person) or self.community.manages(person)


@dataclass
class Space:
    """Its audience is the wall around it and all that is in it."""

    id: str
    slug: str
    name: str
    community: Community
    audience: str = "COMMUNITY"
    names: tuple[str, ...] = ()  # tiers, or ids of companies or groups
    review: bool = False

    def visible(self, person: Person) -> bool:
        """COMMUNITY: members; GROUPS: who is in one of them, and moderators; else the vendor's
        people, and those of the tiers or companies.
        """
        held = self.community.membership(person)
        if held is None:
            return False
        if self.audience == "GROUPS":
            groups = [self.community.groups[id_] for id_ in self.names]
            return self.community.moderates(person) or any(g.opens_for(person) for g in groups)
        if self.audience == "COMMUNITY" or held.company.id == self.community.vendor.id:
            return True
        if self.audience == "TIER":
            return self.community.tier(held.company) in self.names
        return self.audience == "COMPANIES" and held.company.id in self.names

    def names_for(self, person: Person) -> list[str]:
        """Whom it is for, as a reader is told: of groups those they are in, managers all."""
        if self.audience != "GROUPS" or self.community.manages(person):
            return list(self.names)
        return [id_ for id_ in self.names if self.community.groups[id_].opens_for(person)]


@dataclass
class Topic:
    """Of any kind; the kind moves no wall."""

    id: str
    title: str
    space: Space
    author: Person
    state: str
    kind: str
    tag: str
    replies: list[Reply] = field(default_factory=list)
    accepted: str = ""
    closed: bool = False  # when it was hidden
    revisions: list[bool] = field(default_factory=list)  # whether all who see the topic see it

    @property
    def open(self) -> bool:
        """Readers of the space see it."""
        return self.state in OPEN_TO_READERS

    def visible(self, person: Person) -> bool:
        """Behind the space's wall and its own."""
        if not self.space.visible(person):
            return False
        moderates = self.space.community.moderates(person)
        if self.open:
            return True
        if self.state == "DRAFT":
            return person is self.author
        if self.state in WITHHELD:
            return moderates or person is self.author
        return moderates

    @property
    def published(self) -> list[Reply]:
        """What counts as its replies."""
        return [reply for reply in self.replies if reply.state == "PUBLISHED"]

    @property
    def told(self) -> tuple[str, str, int, str, str]:
        """What everybody who sees it is told of it."""
        owner = self.author.id if self.kind == "ARTICLE" else ""
        return self.kind, self.state, len(self.published), self.accepted, owner

    @property
    def unanswered(self) -> bool:
        """An open question without an accepted reply."""
        return self.kind == "QUESTION" and self.state == "PUBLISHED" and not self.accepted


@dataclass
class Reply:
    """In a topic."""

    id: str
    topic: Topic
    author: Person
    state: str
    removed_state: str = ""

    def visible(self, person: Person) -> bool:
        """Behind the topic's wall and its own."""
        if not self.topic.visible(person):
            return False
        moderates = self.topic.space.community.moderates(person)
        if self.state == "PUBLISHED":
            return True
        if self.state in WITHHELD:
            return moderates or person is self.author
        return moderates


@dataclass
class Model:
    """All there is in one world, and how it came to be."""

    companies: list[Company] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    communities: list[Community] = field(default_factory=list)
    spaces: list[Space] = field(default_factory=list)
    topics: list[Topic] = field(default_factory=list)
    story: list[str] = field(default_factory=list)

    @property
    def replies(self) -> list[Reply]:
        """Of all topics."""
        return [reply for topic in self.topics for reply in topic.replies]

    def spaces_of(self, community: Community) -> list[Space]:
        """In it."""
        return [space for space in self.spaces if space.community is community]

    @property
    def groups(self) -> list[Group]:
        """Of all communities."""
        return [group for community in self.communities for group in community.groups.values()]

    def topics_of(self, community: Community) -> list[Topic]:
        """In it."""
        return [topic for topic in self.topics if topic.space.community is community]
