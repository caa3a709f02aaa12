"""A plain CSV: what its columns become, and how bad files and rows are refused."""

import json
import tracemalloc
from pathlib import Path

import pytest

from devstack.importer.batches import Spools
from devstack.importer.formats import recognised
from devstack.importer.reading import Reading, read

HEADER = "id,kind,parent,title,body,tags,author,author_id,created,edited,closed,score,accepted"
ROWS = [
    'q1,question,,How do I pair it?,"Two lines,\nand a ""quote""",pairing radio,Grace,7,'
    "2024-03-01T10:20:30Z,,2024-04-01 00:00:00,-2,a1",
    "a1,answer,q1,,Hold the button,,,,2024-03-01T12:20:30+02:00,,,,",
    "d1,Discussion,,What is new,News!,,,,2024-03-02 00:00:00,,,5,",
    "r1,reply,d1,,Oh,,Linus,,2024-03-02 00:00:01,,,,",
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "posts.csv"


def read_all(path: Path) -> tuple[Reading, list[dict[str, object]]]:
    with Spools() as spools:
        reading = read(path, spools, lambda done, posts: None)
        return reading, [json.loads(post.json) for post in spools]


def table(*rows: str) -> str:
    return "\n".join([HEADER, *rows]) + "\n"


def test_rows_become_posts(file: Path) -> None:
    file.write_text("\ufeff" + table(*ROWS))
    reading, posts = read_all(file)
    assert not reading.problems
    assert reading.site == "csv"
    assert posts == [
        {
            "externalId": "q1",
            "kind": "QUESTION",
            "title": "How do I pair it?",
            "body": 'Two lines,\nand a "quote"',
            "tags": ["pairing", "radio"],
            "score": -2,
            "createTime": "2024-03-01T10:20:30.000Z",
            "closeTime": "2024-04-01T00:00:00.000Z",
            "acceptedAnswerExternalId": "a1",
            "persona": {"externalId": "7", "displayName": "Grace"},
        },
        {
            "externalId": "d1",
            "kind": "DISCUSSION",
            "title": "What is new",
            "body": "News!",
            "tags": [],
            "score": 5,
            "createTime": "2024-03-02T00:00:00.000Z",
            "persona": {"externalId": "name:-", "displayName": "Anonymous"},
        },
        {
            "externalId": "a1",
            "kind": "ANSWER",
            "questionExternalId": "q1",
            "body": "Hold the button",
            "score": 0,
            "createTime": "2024-03-01T10:20:30.000Z",
            "persona": {"externalId": "name:-", "displayName": "Anonymous"},
        },
        {
            "externalId": "r1",
            "kind": "ANSWER",
            "questionExternalId": "d1",
            "body": "Oh",
            "score": 0,
            "createTime": "2024-03-02T00:00:01.000Z",
            "persona": {"externalId": "name:Linus", "displayName": "Linus"},
        },
    ]


def test_articles_and_ideas_have_replies_and_these_have_replies(file: Path) -> None:
    file.write_text(
        "id,kind,parent,reply_to,title,body,created\n"
        "k1,article,,,Pairing,All of it,2024-03-01 00:00:00\n"
        "c1,reply,k1,r1,,Me too,2024-03-03 00:00:00\n"  # before what it replies to
        "r1,reply,k1,,,Thanks,2024-03-02 00:00:00\n"
        "i1,Idea,,,Longer cables,Please,2024-03-01 00:00:00\n"
    )
    reading, posts = read_all(file)
    assert not reading.problems
    assert [(post["externalId"], post["kind"]) for post in posts] == [
        ("k1", "ARTICLE"), ("i1", "IDEA"), ("r1", "ANSWER"), ("c1", "ANSWER"),
    ]  # fmt: skip
    assert [post.get("parentAnswerExternalId") for post in posts] == [None, None, None, "r1"]


@pytest.mark.parametrize(
    ("reply_to", "problem"),
    [
        ("x", "its reply_to x is no answer to k1"),
        ("k1", "its reply_to k1 is no answer to k1"),
        ("r2", "its reply_to r2 is no answer to k1"),
        ("c1", "its reply_to c1 replies to an answer itself: threads are one deep"),
        ("c2", "its reply_to c2 replies to an answer itself: threads are one deep"),
        ("a b", "reply_to 'a b' is no id: letters, digits and _.:- only"),
    ],
)
def test_a_reply_to_needs_a_reply_of_the_same_topic(
    file: Path, reply_to: str, problem: str
) -> None:
    file.write_text(
        "id,kind,parent,reply_to,title,body,created\n"
        "k1,article,,,Pairing,All of it,2024-03-01 00:00:00\n"
        "r1,reply,k1,,,Thanks,2024-03-02 00:00:00\n"
        "c1,reply,k1,r1,,Me too,2024-03-03 00:00:00\n"
        "k2,article,,,Cables,All of them,2024-03-01 00:00:00\n"
        "r2,reply,k2,,,Thanks,2024-03-02 00:00:00\n"
        f"c2,reply,k1,{reply_to},,Me too,2024-03-03 00:00:00\n"
    )
    reading, _ = read_all(file)
    assert reading.problems.lines() == [f"line 7, post c2: {problem}"]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_are_seen(file: Path, delimiter: str) -> None:
    file.write_text(
        delimiter.join(["kind", "id", "title", "created", "body"])
        + "\r\n"
        + delimiter.join(["question", "1", "Why?", "2024-03-01 00:00:00", '"a, b"'])
        + "\r\n"
    )
    with file.open("rb") as stream:
        assert recognised(stream) == "csv"
    reading, posts = read_all(file)
    assert not reading.problems
    assert (posts[0]["title"], posts[0]["body"]) == ("Why?", "a, b")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("x1,answer,q9,,Hm,,,,2024-03-01 00:00:00,,,,",
         "line 7, post x1: its parent q9 is no topic of the file"),
        ("x1,answer,a1,,Hm,,,,2024-03-01 00:00:00,,,,",
         "line 7, post x1: its parent a1 is no topic of the file"),
        ("x1,answer,,,Hm,,,,2024-03-01 00:00:00,,,,",
         "line 7, post x1: parent '' is no id: letters, digits and _.:- only"),
        ("a1,answer,q1,,Hm,,,,2024-03-01 00:00:00,,,,",
         "line 7, post a1: its id was already used by a row above"),
        ("x1,opinion,,T,Hm,,,,2024-03-01 00:00:00,,,,",
         "line 7, post x1: kind 'opinion' is none of question, discussion, article, idea, answer, "
         "reply"),
        ("x1,question,,,Hm,,,,2024-03-01 00:00:00,,,,",
         "line 7, post x1: the title has 0 characters: 1 to 255 are allowed"),
        ("x1,question,,T,,,,,2024-03-01 00:00:00,,,,", "line 7, post x1: the body is empty"),
        ("x1,question,,T,Hm,,,,01.03.2024,,,,",
         "line 7, post x1: created '01.03.2024' is not a date and time"),
        ("x1,question,,T,Hm,a b c d e f,,,2024-03-01 00:00:00,,,,",
         "line 7, post x1: it has 6 tags; at most 5"),
        ("x1,question,,T,Hm,a! b,,,2024-03-01 00:00:00,,,,",
         "line 7, post x1: the tag 'a!' has characters other than letters, digits and +#.-, or "
         "looks like another"),
        ("x1,question,,T,Hm,,,,2024-03-01 00:00:00,,,lots,",
         "line 7, post x1: score 'lots' is not an integer of 32 bits"),
        ("x1,question,,T,Hm,,,,2024-03-01 00:00:00,,,,r1",
         "line 7, post x1: its accepted answer r1 is no answer to it"),
        ("x1,question,,T,Hm", "line 7, post x1: 5 cells where there are 13 columns"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_with_its_line(file: Path, row: str, problem: str) -> None:
    file.write_text(table(*ROWS, row))
    reading, _ = read_all(file)
    assert reading.problems.lines() == [problem]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (HEADER + "\n", "line 1: the file has no topic, as a question is one"),
        (HEADER + ",mood\n", "line 1: the column 'mood' is unknown"),
        (HEADER + ",id\n", "line 1: a column stands there twice"),
        (table(*ROWS, 'x1,question,,"T"y,Hm'), "broken CSV"),
        (table(*ROWS, 'x1,question,,T,"open'), "broken CSV"),
    ],
)
def test_a_broken_file_is_refused(file: Path, text: str, problem: str) -> None:
    file.write_text(text)
    reading, _ = read_all(file)
    assert problem in reading.problems.lines()[-1]


def test_a_table_without_our_columns_is_told_which_there_are(file: Path) -> None:
    file.write_text("name,age\nx,3\n")
    with Spools() as spools:
        reading = read(file, spools, lambda done, posts: None, "csv")
    (line,) = reading.problems.lines()
    assert line.startswith("line 1: no header with the columns id, kind, body, created")


@pytest.mark.parametrize(
    "bomb",
    [
        b"x" * 64 * 1024 * 1024,
        b'x1,question,,T,"' + (b"a" * 99 + b"\n") * 640_000,
        b"x1,question,,T," + b"," * 64 * 1024 * 1024,
    ],
    ids=["a line without end", "a quote without end", "cells without end"],
)
def test_a_bomb_is_not_read_into_memory(file: Path, bomb: bytes) -> None:
    file.write_bytes(HEADER.encode() + b"\n" + bomb)
    del bomb
    tracemalloc.start()
    reading, _ = read_all(file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reading.problems.unreadable is not None
    assert peak < 40 * 1024 * 1024
