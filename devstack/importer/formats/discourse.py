"""A Discourse backup's dump.sql: public topics and their replies, with tags and solutions."""

import string
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from devstack.importer.characters import clean, clean_line
from devstack.importer.dump import UnreadableDumpError
from devstack.importer.formats.discourse_markdown import Upload, converted
from devstack.importer.formats.sql_copy import CopyRow, copied
from devstack.importer.posts import (
    ANSWER,
    DISCUSSION,
    MAX_TAGS,
    QUESTION,
    Post,
    PostFile,
    Problem,
    RowRefusedError,
    check_body,
    check_name,
    check_score,
    check_tags,
    check_time,
    check_title,
    shown,
)
from devstack.importer.tags import nearest_tag

_AROUND: Mapping[str, Collection[str]] = {
    **dict.fromkeys(("categories", "users", "tags", "topics", "topic_tags"), ()),
    **dict.fromkeys(("topic_custom_fields", "discourse_solved_solved_topics"), ()),
    "uploads": ("sha1", "original_filename", "url"),
    # Of posts no texts yet.
    "posts": (
        "id", "topic_id", "post_number", "reply_to_post_number", "deleted_at", "user_deleted",
        "hidden", "post_type",
    ),
}  # fmt: skip
_REGULAR_POST = "1"
_DIGITS = string.digits + string.ascii_lowercase + string.ascii_uppercase


@dataclass(slots=True)
class _Topic:
    title: str
    category_id: str
    closed_at: str | None
    why_not: str  # why it is not imported; empty: it is
    tags: list[str] = field(default_factory=list)
    accepted: str | None = None


@dataclass(frozen=True, slots=True)
class _Category:
    name: str
    slug: str
    closed_off: bool


class _Threads:
    """Which replies are replies to a reply, of those that are imported.

    Discourse nests them without end, we one level deep: all are under the first of their thread.
    """

    def __init__(self) -> None:
        # By topic and number: the post's id, and the number that it replies to.
        self._posts: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)

    def take(self, row: CopyRow) -> None:
        if row["post_number"] != "1" and not _why_not(row):
            posts = self._posts[row.text("topic_id")]
            posts[row.text("post_number")] = row.text("id"), row.text("reply_to_post_number")

    def first(self, row: CopyRow) -> tuple[str, bool]:
        """The id of the first reply above this one, and whether others are between them.

        Empty: it is the first itself.
        """
        posts = self._posts.get(row.text("topic_id"), {})
        number, last = row.text("post_number"), ""
        passed: dict[str, None] = {}
        while number in posts:
            if number in passed:  # in a circle: nobody wrote it like this
                posts.update({one: (posts[one][0], "") for one in passed})
                return "", False
            passed[number] = None
            last, number = number, posts[number][1]
        # The next one that is below these has a short way.
        posts.update({one: (posts[one][0], last) for one in passed if one != last})
        if last in ("", row["post_number"]):
            return "", False
        return posts[last][0], row["reply_to_post_number"] != last


class _Around:
    """What stands around the posts, in whatever order its tables come."""

    def __init__(self) -> None:
        self.threads = _Threads()
        self.topics: dict[str, _Topic] = {}
        self.names: dict[str, str] = {}
        self.categories: dict[str, _Category] = {}
        self._tags: dict[str, str] = {}
        self._tagged: list[tuple[str, str]] = []
        self._accepted: dict[str, str] = {}
        self.uploads: dict[str, tuple[str, str]] = {}  # name and path, by SHA-1 and by path

    def take(self, row: CopyRow) -> None:
        match row.table:
            case "posts":
                self.threads.take(row)
            case "categories":
                self.categories[row.text("id")] = _Category(
                    row.text("name"), row.text("slug"), closed_off=row.true("read_restricted")
                )
            case "users":
                self.names[row.text("id")] = row.text("name") or row.text("username")
            case "tags":
                self._tags[row.text("id")] = row.text("name")
            case "topic_tags":
                self._tagged.append((row.text("topic_id"), row.text("tag_id")))
            case "topics":
                self.topics[row.text("id")] = _topic(row)
            case "uploads" if row.text("url").startswith("/uploads/"):  # else in another store
                found = row.text("original_filename"), row.text("url")
                self.uploads[row.text("sha1")] = self.uploads[row.text("url")] = found
            case "topic_custom_fields" if row["name"] == "accepted_answer_post_id":
                self._accepted[row.text("topic_id")] = row.text("value")
            case "discourse_solved_solved_topics":
                self._accepted[row.text("topic_id")] = row.text("answer_post_id")

    def join(self) -> None:
        """After the last row."""
        for topic in self.topics.values():
            category = self.categories.get(topic.category_id)
            if category is not None and category.closed_off and not topic.why_not:
                topic.why_not = "topics of categories that only groups may read"
        for topic_id, tag_id in self._tagged:
            if topic_id in self.topics and tag_id in self._tags:
                self.topics[topic_id].tags.append(self._tags[tag_id])
        for topic_id, post_id in self._accepted.items():
            if topic_id in self.topics:
                self.topics[topic_id].accepted = post_id


class Discourse:
    """dump.sql as a format of the importer; read twice, as posts stand before their topics.

    What not everybody could read there stays there: personal messages, whispers, what was deleted
    or hidden, and categories that only groups may read.
    """

    site = "discourse"

    def __init__(self) -> None:
        self.categories: Collection[str] | None = ()  # by name or slug
        self.skipped: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self._topics: dict[str, _Topic] = {}
        self._names: dict[str, str] = {}
        self._threads = _Threads()
        self._uploads: dict[str, tuple[str, str]] = {}

    @staticmethod
    def recognises(head: bytes) -> bool:
        """By its first bytes."""
        return b"PostgreSQL database dump" in head or b"\nCOPY public." in head

    def read(
        self, stream: BinaryIO, beside: BinaryIO | None = None
    ) -> Iterator[Post | Problem | None]:
        """As `Format.read`."""
        self._read_around(stream)
        stream.seek(0)
        begun: set[str] = set()
        orphans: dict[str, tuple[int, str]] = {}  # a topic's first reply before its beginning
        for row in copied(stream, {"posts": ()}):
            topic_id = row.text("topic_id")
            try:
                post = self._post(row)
            except RowRefusedError as refusal:
                begun.add(topic_id)  # its replies are not to blame
                yield Problem(row.line, row["id"], str(refusal))
                continue
            if post is not None and post.kind != ANSWER:
                begun.add(topic_id)
            elif post is not None and topic_id not in begun:
                orphans.setdefault(topic_id, (row.line, post.id))
            yield post
        for topic_id, (line, post_id) in orphans.items():
            if topic_id not in begun:
                reason = f"topic {topic_id} has no first post in the file that could be imported"
                yield Problem(line, post_id, reason)
        if not begun:
            yield Problem(1, None, "the file has no topic that everybody could read")

    def _read_around(self, stream: BinaryIO) -> None:
        """All but the posts' texts, which it is needed for."""
        around = _Around()
        for row in copied(stream, _AROUND):
            around.take(row)
        if not around.topics:
            raise UnreadableDumpError(
                "it has no rows of a table topics in COPY form: this is no dump.sql of Discourse"
            )
        around.join()
        self._choose(around)
        self._topics, self._names = around.topics, around.names
        self._threads, self._uploads = around.threads, around.uploads

    def _choose(self, around: _Around) -> None:
        """Of the topics that everybody could read. What comes from several categories into one
        space is told.
        """
        chosen: set[str] = set()
        for name in self.categories or ():
            ids = {id_ for id_, one in around.categories.items() if name in (one.name, one.slug)}
            if not ids:
                there = sorted(one.slug or one.name for one in around.categories.values())
                raise UnreadableDumpError(
                    f"it has no category {shown(name)}; there are {', '.join(map(shown, there))}"
                )
            chosen |= ids
        counts: Counter[str] = Counter()
        for topic in around.topics.values():
            category = around.categories.get(topic.category_id)
            named = f"category {category.slug or category.name}" if category else "no category"
            if self.categories and topic.category_id not in chosen and not topic.why_not:
                topic.why_not = f"posts of {named}"
            if not topic.why_not:
                counts[f"topics of {named}"] += 1
        if len(counts) > 1:
            self.notes.update(counts)

    def _post(self, row: CopyRow) -> Post | None:
        topic = self._topics.get(row.text("topic_id"))
        why_not = _why_not(row) or ("posts of no topic" if topic is None else topic.why_not)
        if topic is None or why_not:
            self.skipped[why_not] += 1
            return None
        body, uploads = converted(row.text("raw"))
        first = row["post_number"] == "1"
        parent, deeper = ("", False) if first else self._threads.first(row)
        if deeper:
            self.notes["deeper replies put under the first of their thread"] += 1
        create_time = check_time(row.text("created_at"), "created_at")
        edited = row["last_version_at"] if row["version"] not in (None, "1") else None
        closed = topic.closed_at if first else None
        user_id = row.text("user_id")
        name = check_name(self._names.get(user_id, ""), "the author's name") or "Anonymous"
        return Post(
            line=row.line,
            id=f"t{row.text('topic_id')}" if first else f"p{row.text('id')}",
            kind=ANSWER if not first else QUESTION if topic.accepted else DISCUSSION,
            question_id=None if first else f"t{row.text('topic_id')}",
            title=check_title(topic.title) if first else None,
            body=check_body(clean(body).strip()),
            tags=self._tags(topic.tags) if first else (),
            score=check_score(row["like_count"] or "0", "like_count"),
            create_time=create_time,
            edit_time=check_time(edited, "last_version_at") if edited else None,
            close_time=check_time(closed, "updated_at") if closed else None,
            accepted_answer_id=f"p{topic.accepted}" if first and topic.accepted else None,
            persona_id=user_id or "nobody",
            persona_name=name,
            parent_id=f"p{parent}" if parent else None,
            files=tuple(map(self._file, uploads)),
        )

    def _file(self, upload: Upload) -> PostFile:
        """Without a place where the backup does not know it."""
        address = upload.address
        for prefix in ("upload://", "/uploads/short-url/"):
            if address.startswith(prefix):
                address = sha1_of(address.removeprefix(prefix).partition(".")[0])
        name, place = self._uploads.get(address, ("", ""))
        return PostFile(upload.kind, clean_line(name), place)

    def _tags(self, names: list[str]) -> tuple[str, ...]:
        """As the forum takes them: Discourse allows more characters, and staff more tags."""
        nearest = [nearest_tag(name) for name in names]
        tags = tuple(dict.fromkeys(tag for tag in nearest if tag is not None))
        if any(tag not in names for tag in tags):
            self.notes["tags written otherwise"] += 1
        if None in nearest:
            self.notes["tags left out"] += nearest.count(None)
        if len(tags) > MAX_TAGS:
            self.notes[f"topics with more than {MAX_TAGS} tags"] += 1
        return check_tags(tags[:MAX_TAGS])


def sha1_of(short: str) -> str:
    """What Discourse calls a file by in addresses, as the SHA-1 it is; empty: it is none."""
    number = 0
    for character in short:
        digit = _DIGITS.find(character)
        if digit < 0:
            return ""
        number = number * len(_DIGITS) + digit
    return f"{number:040x}" if number < 1 << 160 else ""


def _topic(row: CopyRow) -> _Topic:
    why_not = ""
    if row["archetype"] not in (None, "regular"):
        why_not = "personal messages"
    elif row["deleted_at"] is not None:
        why_not = "deleted topics"
    elif not row.true("visible"):
        why_not = "hidden topics"
    done = row.true("closed") or row.true("archived")
    closed_at = row["updated_at"] if done else None
    return _Topic(row.text("title"), row.text("category_id"), closed_at, why_not)


def _why_not(row: CopyRow) -> str:
    if row["deleted_at"] is not None or row.true("user_deleted"):
        return "deleted posts"
    if row.true("hidden"):
        return "hidden posts"
    if row["post_type"] not in (None, _REGULAR_POST):
        return "whispers and notices"
    return ""
