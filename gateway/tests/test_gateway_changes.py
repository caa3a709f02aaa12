"""The gate that keeps portals working: what may change, and what must be said of it."""

from __future__ import annotations

from datetime import date

import pytest
from graphql import build_schema

from gateway.schema.changes import Change, changes, of_this_checkout, told

TODAY = date(2027, 6, 30)
OLD = """
directive @shown(as: String) on FIELD
interface Node { id: ID! }
union Post = Topic | Reply
enum State { OPEN SHUT @deprecated(reason: "2027-01-01: use OPEN") }
scalar Html
type Topic implements Node {
  id: ID!
  title(long: Boolean, wide: Boolean @deprecated(reason: "2026-12-01: use long")): String!
  old: String @deprecated(reason: "2027-01-01: use title")
  young: String @deprecated(reason: "2027-06-01: use title")
  vague: String @deprecated(reason: "use title")
}
type Reply { body: Html }
input Say { text: String!, also: String @deprecated(reason: "2026-12-01: use text") }
type Query { topic(id: ID!): Topic post: Post state: State say(input: Say): Int }
"""


def _changes(*replaced: tuple[str, str], changelog: str = "") -> list[Change]:
    new = OLD
    for before, after in replaced:
        assert before in new
        new = new.replace(before, after)
    return changes(
        build_schema(OLD), build_schema(new), f"# C\n\n## Unreleased\n\n{changelog}\n", TODAY
    )


@pytest.mark.parametrize(
    ("before", "after", "about"),
    [
        ("topic(id: ID!): Topic", "", "Query.topic"),
        ("topic(id: ID!): Topic", "topic: Topic", "Query.topic(id:)"),
        ("topic(id: ID!): Topic", "topic(id: ID!, at: Int!): Topic", "Query.topic(at:)"),
        ('use long")): String!', 'use long")): String', "Topic.title"),
        ("title(long: Boolean,", "title(long: Boolean!,", "Topic.title(long:)"),
        ("union Post = Topic | Reply", "union Post = Topic", "Post"),
        ("type Topic implements Node", "type Topic", "Topic"),
        ("enum State { OPEN", "enum State { OPENED", "State.OPEN"),
        ("input Say { text: String!,", "input Say { text: String! at: Int!,", "Say.at"),
        ("input Say { text: String!,", "input Say { text: Int!,", "Say.text"),
        ("scalar Html", "enum Html { A }", "Html"),
        ("directive @shown(as: String) on FIELD", "", "@shown"),
        ("directive @shown(as: String) on", "directive @shown on", "@shown(as:)"),
        ('young: String @deprecated(reason: "2027-06-01: use title")', "", "Topic.young"),
        ('vague: String @deprecated(reason: "use title")', "", "Topic.vague"),
    ],
)
def test_what_breaks_operations_is_refused_until_the_changelog_names_it(
    before: str, after: str, about: str
) -> None:
    (change,) = (one for one in _changes((before, after)) if one.breaks)
    assert (change.about, change.excuse) == (about, "")
    assert next(told([change])).startswith("BREAKS: ")
    elsewhere = f"- `{about}` is gone.\n\n## 0.1.0\n\n- Breaking: `{about}` was gone before."
    assert change in _changes((before, after), changelog=elsewhere)
    line = f"- Breaking: something, and\n  `{about}`, as was said."
    (excused,) = (one for one in _changes((before, after), changelog=line) if one.breaks)
    assert excused.excuse == "the changelog says so"


@pytest.mark.parametrize(
    ("before", "about"),
    [
        ('old: String @deprecated(reason: "2027-01-01: use title")', "Topic.old"),
        (', wide: Boolean @deprecated(reason: "2026-12-01: use long")', "Topic.title(wide:)"),
        ('SHUT @deprecated(reason: "2027-01-01: use OPEN")', "State.SHUT"),
        (', also: String @deprecated(reason: "2026-12-01: use text")', "Say.also"),
    ],
)
def test_what_was_deprecated_for_half_a_year_may_go(before: str, about: str) -> None:
    (change,) = _changes((before, ""))
    assert change.about == about
    assert change.excuse.startswith("deprecated since 202")


def test_a_deprecated_field_may_go_but_not_become_something_else() -> None:
    (change,) = _changes(("old: String @", "old: [String] @"))
    assert (change.about, change.excuse) == ("Topic.old", "")


def test_what_may_surprise_is_told_and_what_is_added_is_not() -> None:
    told_of = _changes(("enum State { OPEN", "enum State { NEW OPEN"))
    assert list(told(told_of)) == ["may surprise: Enum value State.NEW was added."]
    assert _changes(("type Reply {", "type Reply { score: Int")) == []


def test_nothing_breaks_a_portal_of_the_last_release() -> None:
    found = of_this_checkout()
    lines = list(told(found))
    print("\n".join(lines))  # noqa: T201 - what may surprise is for whoever reviews the change
    assert [line for line in lines if line.startswith("BREAKS")] == []
