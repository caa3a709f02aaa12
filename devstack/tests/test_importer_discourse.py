"""A Discourse backup: what of it is imported, what stays there, and how bad files are refused."""

import json
import time
import tracemalloc
from pathlib import Path

import pytest

from devstack.importer.__main__ import main
from devstack.importer.batches import Spools
from devstack.importer.formats.discourse import sha1_of
from devstack.importer.formats.discourse_markdown import Upload, converted
from devstack.importer.posts import PostFile
from devstack.importer.reading import Reading, read

TABLES = {
    "categories": ("id", "name", "slug", "read_restricted"),
    "discourse_solved_solved_topics": ("id", "topic_id", "answer_post_id"),
    "posts": (
        "id", "user_id", "topic_id", "post_number", "reply_to_post_number", "raw", "cooked",
        "created_at", "deleted_at", "user_deleted", "hidden", "post_type", "like_count", "version",
        "last_version_at",
    ),
    "tags": ("id", "name"),
    "uploads": ("id", "sha1", "original_filename", "url"),
    "topic_custom_fields": ("id", "topic_id", "name", "value"),
    "topic_tags": ("id", "topic_id", "tag_id"),
    "topics": (
        "id", "title", "category_id", "archetype", "deleted_at", "visible", "closed", "archived",
        "updated_at",
    ),
    "users": ("id", "username", "name"),
}  # fmt: skip
POST = {
    "cooked": "<p>rendered</p>", "created_at": "2024-03-01 10:20:30.456", "deleted_at": None,
    "user_deleted": "f", "hidden": "f", "post_type": "1", "like_count": "3", "version": "1",
    "last_version_at": "2024-03-01 10:20:30.456",
}  # fmt: skip
TOPIC = {
    "category_id": "1", "archetype": "regular", "deleted_at": None, "visible": "t", "closed": "f",
    "archived": "f", "updated_at": "2024-04-01 00:00:00",
}  # fmt: skip
FORUM: dict[str, list[dict[str, str | None]]] = {
    "categories": [
        {"id": "1", "name": "General", "slug": "general", "read_restricted": "f"},
        {"id": "2", "name": "Staff", "slug": "staff", "read_restricted": "t"},
    ],
    "posts": [
        # A reply before its topic's first post, as the table's order is nobody's promise.
        {
            **POST, "id": "12", "user_id": "8", "topic_id": "1", "post_number": "2",
            "raw": "Hold the button\nfor *five* seconds.\t\\o/",
        },
        {
            **POST, "id": "11", "user_id": "7", "topic_id": "1", "post_number": "1",
            "raw": "How do I pair it?", "version": "2", "last_version_at": "2024-03-02 00:00:00",
        },
        {**POST, "id": "21", "user_id": "8", "topic_id": "2", "post_number": "1", "raw": "News!"},
        {
            **POST, "id": "22", "user_id": None, "topic_id": "2", "post_number": "2", "raw": "Oh",
        },
    ],
    "tags": [{"id": "1", "name": "pairing"}, {"id": "2", "name": "How_To Größe"}],
    "topic_custom_fields": [
        {"id": "1", "topic_id": "1", "name": "accepted_answer_post_id", "value": "12"}
    ],
    "topic_tags": [
        {"id": "1", "topic_id": "1", "tag_id": "1"}, {"id": "2", "topic_id": "1", "tag_id": "2"}
    ],
    "topics": [
        {**TOPIC, "id": "1", "title": "How do I pair it?", "closed": "t"},
        {**TOPIC, "id": "2", "title": "What is new"},
    ],
    "users": [
        {"id": "7", "username": "grace", "name": "Grace H."},
        {"id": "8", "username": "linus", "name": None},
    ],
}  # fmt: skip
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def dump(tables: dict[str, list[dict[str, str | None]]]) -> str:
    """As `pg_dump` writes it: tables by name, rows as COPY text."""
    parts = ["--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n"]
    for table in sorted(tables):
        columns = TABLES[table]
        parts.append(f"COPY public.{table} ({', '.join(columns)}) FROM stdin;\n")
        parts += [
            "\t".join(_cell(row.get(name)) for name in columns) + "\n" for row in tables[table]
        ]
        parts.append("\\.\n\n\n")
    return "".join(parts) + "--\n-- PostgreSQL database dump complete\n--\n"


def _cell(value: str | None) -> str:
    return "\\N" if value is None else "".join(_ESCAPES.get(letter, letter) for letter in value)


def forum(**more: list[dict[str, str | None]]) -> dict[str, list[dict[str, str | None]]]:
    return {**FORUM, **{table: [*FORUM.get(table, []), *rows] for table, rows in more.items()}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "dump.sql"


def read_all(path: Path, *categories: str) -> tuple[Reading, list[dict[str, object]]]:
    with Spools() as spools:
        reading = read(path, spools, lambda done, posts: None, categories=categories)
        return reading, [json.loads(post.json) for post in spools]


def test_topics_become_questions_and_discussions(file: Path) -> None:
    file.write_text(dump(FORUM))
    reading, posts = read_all(file)
    assert not reading.problems
    assert reading.site == "discourse"
    assert posts == [
        {
            "externalId": "t1",
            "kind": "QUESTION",
            "title": "How do I pair it?",
            "body": "How do I pair it?",
            "tags": ["pairing", "how-to-grösse"],
            "score": 3,
            "createTime": "2024-03-01T10:20:30.456Z",
            "editTime": "2024-03-02T00:00:00.000Z",
            "closeTime": "2024-04-01T00:00:00.000Z",
            "acceptedAnswerExternalId": "p12",
            "persona": {"externalId": "7", "displayName": "Grace H."},
        },
        {
            "externalId": "t2",
            "kind": "DISCUSSION",
            "title": "What is new",
            "body": "News!",
            "tags": [],
            "score": 3,
            "createTime": "2024-03-01T10:20:30.456Z",
            "persona": {"externalId": "8", "displayName": "linus"},
        },
        {
            "externalId": "p12",
            "kind": "ANSWER",
            "questionExternalId": "t1",
            "body": "Hold the button\nfor *five* seconds.\t\\o/",
            "score": 3,
            "createTime": "2024-03-01T10:20:30.456Z",
            "persona": {"externalId": "8", "displayName": "linus"},
        },
        {
            "externalId": "p22",
            "kind": "ANSWER",
            "questionExternalId": "t2",
            "body": "Oh",
            "score": 3,
            "createTime": "2024-03-01T10:20:30.456Z",
            "persona": {"externalId": "nobody", "displayName": "Anonymous"},
        },
    ]
    assert reading.notes == {"tags written otherwise": 1}


def test_tags_of_every_script_come_along(file: Path) -> None:
    names = ["日本語", "Größe", "Управление", "n\u0430me", "🎉"]  # the fourth mixes two scripts
    tags: list[dict[str, str | None]] = [
        {"id": f"9{number}", "name": name} for number, name in enumerate(names)
    ]
    tagged: list[dict[str, str | None]] = [
        {"id": f"9{number}", "topic_id": "2", "tag_id": f"9{number}"} for number in range(5)
    ]
    file.write_text(dump(forum(tags=tags, topic_tags=tagged)))
    reading, posts = read_all(file)
    assert not reading.problems
    assert posts[1]["tags"] == ["日本語", "grösse", "управление"]
    assert reading.notes == {"tags written otherwise": 2, "tags left out": 2}


def of_categories() -> str:
    """General has two topics, Radio one, and Staff one that only its group may read."""
    more: list[dict[str, str | None]] = [
        {**TOPIC, "id": number, "title": f"Topic {number}", "category_id": category}
        for number, category in (("3", "3"), ("4", "2"))
    ]
    first: list[dict[str, str | None]] = [
        {
            **POST, "id": f"{number}1", "user_id": "7", "topic_id": number, "post_number": "1",
            "raw": "Hm",
        }
        for number in ("3", "4")
    ]  # fmt: skip
    radio: dict[str, str | None] = {
        "id": "3", "name": "Radio & Funk", "slug": "radio", "read_restricted": "f",
    }  # fmt: skip
    return dump(forum(categories=[radio], topics=more, posts=first))


def test_of_several_categories_is_told_how_much_comes_into_one_space(file: Path) -> None:
    file.write_text(of_categories())
    reading, posts = read_all(file)
    assert not reading.problems
    assert len(posts) == 5
    assert reading.notes["topics of category general"] == 2
    assert reading.notes["topics of category radio"] == 1
    assert reading.skipped == {"topics of categories that only groups may read": 1}


@pytest.mark.parametrize(
    ("categories", "ids", "skipped"),
    [
        (["radio"], {"t3"}, {"posts of category general": 4}),
        (["Radio & Funk"], {"t3"}, {"posts of category general": 4}),
        (["general"], {"t1", "t2"}, {"posts of category radio": 1}),
        (["general", "radio"], {"t1", "t2", "t3"}, {}),
    ],
)
def test_only_of_the_categories_that_are_named(
    file: Path, categories: list[str], ids: set[str], skipped: dict[str, int]
) -> None:
    file.write_text(of_categories())
    reading, posts = read_all(file, *categories)
    assert not reading.problems
    assert {post["externalId"] for post in posts if post["kind"] != "ANSWER"} == ids
    assert reading.skipped == {**skipped, "topics of categories that only groups may read": 1}


def test_a_category_that_is_not_there_is_refused_with_those_that_are(file: Path) -> None:
    file.write_text(of_categories())
    reading, _ = read_all(file, "radio", "tv")
    (problem,) = reading.problems.lines()
    assert problem == "it has no category 'tv'; there are 'general', 'radio', 'staff'"
    reading, _ = read_all(file, "staff")  # what only a group may read stays there all the same
    assert "no topic that everybody could read" in reading.problems.lines()[-1]


def test_what_has_no_categories_is_refused(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("id,kind,title,body,created\nq1,question,T,B,2024-03-01 00:00:00\n")
    assert main([str(file), "aurora/general", "--check", "--category", "radio"]) == 1
    assert "has no categories: no backup of Discourse" in capsys.readouterr().err


def reply(number: int, to: int | None, **more: str | None) -> dict[str, str | None]:
    return {
        **POST, "id": f"2{number}", "user_id": "7", "topic_id": "2", "post_number": str(number),
        "reply_to_post_number": None if to is None else str(to), "raw": f"Reply {number}", **more,
    }  # fmt: skip


def parents(posts: list[dict[str, object]]) -> dict[object, object]:
    return {
        post["externalId"]: post["parentAnswerExternalId"]
        for post in posts
        if "parentAnswerExternalId" in post
    }


def test_replies_to_replies_are_nested_one_level_deep(file: Path) -> None:
    replies = [
        reply(7, 6), reply(6, 3), reply(3, 2),  # whatever the order: 2 <- 3 <- 6 <- 7
        reply(4, 1), reply(5, 4),  # to the topic's first post, and to that
        reply(8, 9), reply(9, None, hidden="t"),  # to what is not imported
        reply(10, 99), reply(11, 11),
    ]  # fmt: skip
    file.write_text(dump(forum(posts=replies)))
    reading, posts = read_all(file)
    assert not reading.problems
    assert parents(posts) == {"p23": "p22", "p26": "p22", "p27": "p22", "p25": "p24"}
    assert reading.notes["deeper replies put under the first of their thread"] == 2
    assert [post["externalId"] for post in posts[-4:]] == ["p27", "p26", "p23", "p25"]  # last


def test_replies_in_a_circle_reply_to_the_topic(file: Path) -> None:
    circle = [reply(3, 4), reply(4, 5), reply(5, 3), reply(6, 5)]
    file.write_text(dump(forum(posts=circle)))
    reading, posts = read_all(file)
    assert not reading.problems
    nested = parents(posts)
    assert not set(nested) & set(nested.values())  # nothing nested has something under it


def test_a_thread_of_thousands_is_read_fast(file: Path) -> None:
    file.write_text(dump(forum(posts=[reply(number, number - 1) for number in range(3, 20_000)])))
    begun = time.process_time()
    _, posts = read_all(file)
    assert set(parents(posts).values()) == {"p22"}
    assert time.process_time() - begun < 20


def test_solutions_of_newer_versions_are_found_too(file: Path) -> None:
    solved: list[dict[str, str | None]] = [{"id": "1", "topic_id": "2", "answer_post_id": "22"}]
    file.write_text(dump(forum(discourse_solved_solved_topics=solved)))
    _, posts = read_all(file)
    assert (posts[1]["kind"], posts[1]["acceptedAnswerExternalId"]) == ("QUESTION", "p22")


@pytest.mark.parametrize(
    ("topic", "post", "why"),
    [
        ({"archetype": "private_message"}, {}, "personal messages"),
        ({"deleted_at": "2024-05-01 00:00:00"}, {}, "deleted topics"),
        ({"visible": "f"}, {}, "hidden topics"),
        ({"category_id": "2"}, {}, "topics of categories that only groups may read"),
        ({}, {"post_type": "4"}, "whispers and notices"),
        ({}, {"hidden": "t"}, "hidden posts"),
        ({}, {"deleted_at": "2024-05-01 00:00:00"}, "deleted posts"),
        ({}, {"user_deleted": "t"}, "deleted posts"),
        ({}, {"topic_id": "99"}, "posts of no topic"),
    ],
)
def test_what_not_everybody_could_read_stays_there(
    file: Path, topic: dict[str, str | None], post: dict[str, str | None], why: str
) -> None:
    secret = {
        **POST, "id": "31", "user_id": "7", "topic_id": "3", "post_number": "1",
        "raw": "for few eyes", **post,
    }  # fmt: skip
    topics = [{**TOPIC, "id": "3", "title": "Few", **topic}]
    file.write_text(dump(forum(posts=[secret], topics=topics)))
    reading, posts = read_all(file)
    assert not reading.problems
    assert reading.skipped == {why: 1}
    assert len(posts) == 4
    assert "for few eyes" not in json.dumps(posts)


def test_a_reply_without_its_topics_beginning_is_a_problem(file: Path) -> None:
    lonely = {
        **POST, "id": "32", "user_id": "7", "topic_id": "3", "post_number": "2", "raw": "Me too",
    }  # fmt: skip
    file.write_text(dump(forum(posts=[lonely], topics=[{**TOPIC, "id": "3", "title": "Gone"}])))
    reading, _ = read_all(file)
    (problem,) = reading.problems.lines()
    assert problem.endswith(
        "post p32: topic 3 has no first post in the file that could be imported"
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"raw": ""}, "the body is empty"),
        ({"raw": "x" * 40_000}, "the body has 40,000 characters of Markdown; at most 32,767"),
        ({"created_at": "yesterday"}, "created_at 'yesterday' is not a date and time"),
        ({"like_count": "many"}, "like_count 'many' is not an integer of 32 bits"),
    ],
)
def test_a_bad_post_is_named(file: Path, change: dict[str, str | None], problem: str) -> None:
    bad = {
        **POST, "id": "23", "user_id": "7", "topic_id": "2", "post_number": "3", "raw": "Hm",
        **change,
    }  # fmt: skip
    file.write_text(dump(forum(posts=[bad])))
    reading, _ = read_all(file)
    (line,) = reading.problems.lines()
    assert line.partition(": ")[2] == problem
    assert ", post 23: " in line


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("-- PostgreSQL database dump\n", "it has no rows of a table topics in COPY form"),
        (dump(FORUM).replace("\tlinus\t", "\t"), "2 values where there are 3 columns"),
        (dump(FORUM).partition("linus")[0], "2 values where there are 3 columns"),
        (dump({"topics": FORUM["topics"]}).partition("\\.")[0], "the file ends within the rows"),
        (dump({"topics": FORUM["topics"]}), "the file has no topic that everybody could read"),
    ],
)
def test_a_file_that_is_no_backup_is_refused(file: Path, text: str, problem: str) -> None:
    file.write_text(text)
    reading, _ = read_all(file)
    assert problem in reading.problems.lines()[-1]


def test_bytes_that_are_no_text_are_refused(file: Path) -> None:
    file.write_bytes(dump(FORUM).encode().replace(b"linus", b"\xff\xfe"))
    reading, _ = read_all(file)
    assert reading.problems.lines()[-1].endswith("it is not UTF-8")


def test_a_line_without_end_is_not_read_into_memory(file: Path) -> None:
    with file.open("wb") as stream:
        stream.write(
            b"-- PostgreSQL database dump\nCOPY public.topics (id, title) FROM stdin;\n1\t"
        )
        for _ in range(64):
            stream.write(b"x" * 1024 * 1024)
    tracemalloc.start()
    reading, _ = read_all(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "no line ends within 8 MiB" in reading.problems.lines()[-1]
    assert peak < 40 * 1024 * 1024


def test_nothing_is_sent_where_anything_is_wrong(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(dump(FORUM).replace("2024-03-02 00:00:00", "soon"))
    assert main([str(file), "aurora/general", "--token", "t", "--url", "http://127.0.0.1:9"]) == 1
    told = capsys.readouterr().err
    assert "last_version_at 'soon' is not a date and time" in told
    assert "nothing was imported" in told


@pytest.mark.parametrize(
    ("raw", "markdown"),
    [
        ("plain *text*", "plain *text*"),
        (
            '[quote="sam, post:3, topic:12"]\nFirst.\n\nSecond.\n[/quote]\n\nI agree.',
            "> **sam:**\n>\n> First.\n>\n> Second.\n\n\nI agree.",
        ),
        ("Before [quote]inside[/quote] after", "Before\n\n> inside\n\n after"),
        (
            '[quote="a"]\n[quote="b"]\ndeep\n[/quote]\n[/quote]',
            "> **a:**\n>\n> > **b:**\n> >\n> > deep\n>\n",
        ),
        ("```\n[quote]\n![x](upload://a.png)\n```", "```\n[quote]\n![x](upload://a.png)\n```"),
        ('[details="More"]\nhidden\n[/details]', "\n**More**\n\nhidden\n"),
        ("![cat|690x388](https://x.example/c.png)", "![cat](https://x.example/c.png)"),
        ("[/quote] stray", " stray"),
    ],
)
def test_what_discourse_adds_becomes_markdown(raw: str, markdown: str) -> None:
    assert converted(raw)[0] == markdown


def test_uploads_are_told_beside_the_text() -> None:
    text, uploads = converted(
        "See ![shot|100x50](upload://abc.png) and [log.txt|attachment](upload://def.txt) (3 KB)"
    )
    assert text == "See (shot) and (log.txt)"
    assert uploads == [Upload("files", "upload://def.txt"), Upload("images", "upload://abc.png")]


SHORT, SHA1 = "r3AYqESanERjladb4vBB7VsMBm6", "bda2c513e1da04f7b4e99230851ea2aafeb8cc4e"
PLACE = f"/uploads/default/original/1X/{SHA1}.png"


def with_uploads(raw: str) -> dict[str, list[dict[str, str | None]]]:
    first = {**FORUM["posts"][1], "raw": raw}
    return {
        **FORUM,
        "posts": [FORUM["posts"][0], first, *FORUM["posts"][2:]],
        "uploads": [
            {"id": "1", "sha1": SHA1, "original_filename": "My  shot.png", "url": PLACE},
            {"id": "2", "sha1": "1" * 40, "original_filename": "a.txt", "url": "//store/a.txt"},
            {"id": "3", "sha1": "2" * 40, "original_filename": "b", "url": "/uploads/../../b"},
        ],
    }


def test_short_addresses_of_discourse_are_sha1s() -> None:
    assert sha1_of(SHORT) == SHA1
    assert sha1_of("0001") == f"{1:040x}"
    assert sha1_of("z" * 40) == sha1_of("a-b") == ""


def test_uploads_that_lie_beside_the_dump_come_along(file: Path) -> None:
    raw = (
        f"![shot|9x9](upload://{SHORT}.png) ![again](upload://{SHORT}.png) "
        f"[shot|attachment](/uploads/short-url/{SHORT}.png) [shot|attachment]({PLACE}) "
        "![?](upload://zzz.png) [x|attachment](/uploads/../../b)"
    )
    file.write_text(dump(with_uploads(raw)))
    (file.parent.parent / "b").write_text("not of the backup")
    reading, _ = read_all(file)
    assert (bool(reading.problems), reading.notes["images left there"]) == (False, 3)
    assert reading.notes["files left there"] == 3
    lies = file.parent / PLACE.lstrip("/")
    lies.parent.mkdir(parents=True)
    lies.write_bytes(b"png")
    with Spools() as spools:
        reading = read(file, spools, lambda *_: None)
        (topic,) = [one for one in spools.questions if one.external_id == "t1"]
    image = PostFile("files", "My shot.png", PLACE)
    assert topic.files == (image,)  # once, however often it is shown
    assert json.loads(topic.json)["body"].startswith("(shot) (again) (shot) (shot) (?) (x)")
    left = {name: count for name, count in reading.notes.items() if "left there" in name}
    assert left == {"images left there": 1, "files left there": 1}
    # The directory of a backup that was unpacked is as good as its dump.sql.
    with Spools() as spools:
        assert not read(file.parent, spools, lambda *_: None).problems
        assert [one.files for one in spools.questions if one.external_id == "t1"] == [topic.files]


def test_quotes_are_not_nested_without_end() -> None:
    text, _ = converted("[quote]\n" * 5000 + "deep")
    assert max(line.count(">") for line in text.split("\n")) == 8
