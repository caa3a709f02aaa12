"""Reading a dump: what is taken from it, and how each bad file or row is refused before sending."""

import gzip
import json
import os
import time
import tracemalloc
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest

from devstack.importer.__main__ import main
from devstack.importer.batches import Spools
from devstack.importer.dump import UnreadableDumpError, open_dump
from devstack.importer.formats.posts_xml import rows
from devstack.importer.reading import Reading, read

QUESTION = {
    "Id": "1",
    "PostTypeId": "1",
    "CreationDate": "2024-03-01T10:20:30.4",
    "Score": "-3",
    "Body": "<p>How do I <em>pair</em> it?</p>\n",
    "Title": "  How do I\tpair it? ",
    "Tags": "<Pairing><c++>",
    "OwnerUserId": "7",
    "AcceptedAnswerId": "2",
    "LastEditDate": "2024-03-02T00:00:00",
    "ClosedDate": "2024-03-03T00:00:00.123",
}
ANSWER = {
    "Id": "2",
    "PostTypeId": "2",
    "ParentId": "1",
    "CreationDate": "2024-03-01T12:20:30+02:00",
    "Score": "0",
    "Body": "<p>Hold the button.</p>",
    "OwnerDisplayName": "user 9",
}
WIKI = {"Id": "3", "PostTypeId": "5", "Body": ""}


def dump(*posts: dict[str, str]) -> str:
    lines = [
        "  <row " + " ".join(f"{name}={_quoted(value)}" for name, value in post.items()) + " />"
        for post in posts
    ]
    return "\n".join(['<?xml version="1.0" encoding="utf-8"?>', "<posts>", *lines, "</posts>"])


def _quoted(value: str) -> str:
    return quoteattr(value, {"\n": "&#xA;", "\t": "&#x9;"})


def read_all(path: Path) -> tuple[Reading, list[dict[str, object]]]:
    with Spools() as spools:
        reading = read(path, spools, lambda done, posts: None)
        return reading, [json.loads(post.json) for post in spools]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "Posts.xml"


def test_rows_become_posts(file: Path) -> None:
    file.write_text("\ufeff" + dump(QUESTION, ANSWER, WIKI))
    reading, posts = read_all(file)
    assert not reading.problems
    assert reading.skipped == {"posts of other kinds": 1}
    assert posts == [
        {
            "externalId": "1",
            "kind": "QUESTION",
            "title": "How do I pair it?",
            "body": "How do I *pair* it?",
            "tags": ["pairing", "c++"],
            "score": -3,
            "createTime": "2024-03-01T10:20:30.400Z",
            "editTime": "2024-03-02T00:00:00.000Z",
            "closeTime": "2024-03-03T00:00:00.123Z",
            "acceptedAnswerExternalId": "2",
            "persona": {"externalId": "7", "displayName": "Stack Exchange user 7"},
        },
        {
            "externalId": "2",
            "kind": "ANSWER",
            "questionExternalId": "1",
            "body": "Hold the button.",
            "score": 0,
            "createTime": "2024-03-01T10:20:30.000Z",
            "persona": {"externalId": "name:user 9", "displayName": "user 9"},
        },
    ]


def test_newer_dumps_separate_tags_by_bars_and_an_answer_may_stand_first(file: Path) -> None:
    file.write_text(dump(ANSWER | {"OwnerDisplayName": ""}, QUESTION | {"Tags": "|b|a|b|"}))
    reading, posts = read_all(file)
    assert not reading.problems
    assert posts[0]["tags"] == ["b", "a"]
    assert posts[1]["persona"] == {"externalId": "name:Anonymous", "displayName": "Anonymous"}


def without(post: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in post.items() if key != name}


Q, A = QUESTION, ANSWER


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (without(Q, "Id"), "it has no Id"),
        (Q | {"Id": "x" * 90}, "Id 'xxxxxxxxxx"),
        (without(Q, "PostTypeId"), "it has no PostTypeId"),
        (Q | {"PostTypeId": "99"}, "PostTypeId '99' is unknown"),
        (without(Q, "Body"), "it has no Body"),
        (Q | {"Body": " <!-- --> "}, "the body is empty"),
        (Q | {"Body": "a" * 32_768}, "the body has 32,768 characters of Markdown"),
        (Q | {"Body": "<b>" * 99}, "nested deeper than 60"),
        (Q | {"Body": "\U0001f37a" * 20_000}, "takes 80,3"),
        (without(Q, "Title"), "it has no Title"),
        (Q | {"Title": " "}, "the title has 0 characters"),
        (Q | {"Title": "t" * 256}, "the title has 256 characters"),
        (Q | {"Tags": "a,b"}, "has neither the form <a><b> nor |a|b|"),
        (Q | {"Tags": "<a><b><c><d><e><f>"}, "it has 6 tags; at most 5"),
        (Q | {"Tags": f"<{'a' * 36}>"}, "has 36 characters; at most 35"),
        (Q | {"Tags": "<a b>"}, "the tag 'a b' has characters other"),
        (Q | {"Score": "1.5"}, "Score '1.5' is not an integer"),
        (Q | {"Score": str(2**31)}, "Score '2147483648' is not an integer"),
        (Q | {"Score": "\u0661"}, r"Score '\u0661' is not an integer"),
        (without(Q, "Score"), "it has no Score"),
        (without(Q, "CreationDate"), "it has no CreationDate"),
        (Q | {"CreationDate": "yesterday"}, "CreationDate 'yesterday' is not a date"),
        (Q | {"LastEditDate": "2024-02-30T00:00:00"}, "is not a date and time"),
        (Q | {"ClosedDate": "0001-01-01T00:00:00+14:00"}, "is not a date and time"),
        (Q | {"OwnerUserId": "me"}, "OwnerUserId 'me' is not a user's number"),
        (Q | {"OwnerDisplayName": "n" * 101}, "OwnerDisplayName has 101 characters"),
        (Q | {"AcceptedAnswerId": "-"}, "AcceptedAnswerId '-' is not a post's number"),
        (Q | {"AcceptedAnswerId": "10"}, "is not an answer to it"),
        (A | {"ParentId": "11"}, "its question, post 11, is not in the file"),
        (without(A, "ParentId"), "it has no ParentId"),
        (Q | {"Id": "10"}, "its Id was already used"),
    ],
)
def test_bad_row_is_refused_with_its_line_and_post(
    file: Path, bad: dict[str, str], problem: str
) -> None:
    good = without(QUESTION | {"Id": "10"}, "AcceptedAnswerId")
    file.write_text(dump(good, bad))
    reading, _ = read_all(file)
    [line] = reading.problems.lines()
    post = f", post {bad['Id'][:20]}" if "Id" in bad else ""
    assert line.startswith(f"line 4{post}: ")
    assert problem in line


def test_twenty_problems_are_shown_and_all_counted(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = without(QUESTION | {"Score": "x"}, "AcceptedAnswerId")
    file.write_text(dump(*(bad | {"Id": str(n)} for n in range(1, 31))))
    # Nothing listens there: that it is not said shows that nothing was sent.
    assert main([str(file), "aurora/general", "--url", "http://127.0.0.1:9"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 22
    assert lines[0] == "line 3, post 1: Score 'x' is not an integer of 32 bits"
    assert lines[20:] == ["... and 10 more", "nothing was imported"]


BOMBS = {
    "billion laughs": (
        '<!DOCTYPE posts [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><posts><row Id="&b;"/></posts>',
        "line 1: a DTD",
    ),
    "external entity": (
        '<!DOCTYPE posts [<!ENTITY a SYSTEM "file:///etc/hostname">]><posts>&a;</posts>',
        "line 1: a DTD",
    ),
    "external DTD": ('<!DOCTYPE posts SYSTEM "http://127.0.0.1:9/x.dtd"><posts/>', "a DTD"),
    "unknown entity": ('<posts>\n<row Id="&b;"/></posts>', "line 2: broken XML: undefined entity"),
    "cut off": (dump(QUESTION)[:-20], "line 3: broken XML"),
    "empty of posts": ("<posts></posts>", "line 1: the file has no question"),
    "users": ("<?xml version='1.0'?>\n<users><row/></users>", "line 2: the root is <users>"),
    "another element": ("<posts>\n<post/></posts>", "line 2: <post> where only <row> may be"),
    "nested": ("<posts><row Id='1'>\n<row/></row></posts>", "line 2: <row> inside a <row>"),
    "no XML": ("Id,Title\n1,a\n", "line 1: broken XML"),
    "unknown encoding": ("<?xml version='1.0' encoding='klingon'?><posts/>", "encoding"),
    "control character": ("<posts><row Id='&#1;'/></posts>", "broken XML"),
    "twice the same": ("<posts><row Id='1' Id='2'/></posts>", "broken XML: duplicate attribute"),
}


@pytest.mark.parametrize(("text", "reason"), BOMBS.values(), ids=BOMBS.keys())
def test_wrong_or_broken_file_is_refused_in_one_line(file: Path, text: str, reason: str) -> None:
    file.write_text(text)
    reading, _ = read_all(file)
    lines = reading.problems.lines()
    assert reason in lines[-1]
    assert "\n" not in lines[-1]


COMMENT = {
    "Id": "1",
    "PostId": "2",
    "Score": "4",
    "Text": "Thanks, `that` is it & more",
    "CreationDate": "2024-03-04T00:00:00.5",
    "UserId": "7",
}


def comments(*rows: dict[str, str]) -> str:
    return dump(*rows).replace("posts>", "comments>")


def test_a_directory_is_read_with_its_comments(tmp_path: Path, file: Path) -> None:
    file.write_text(dump(QUESTION, ANSWER, WIKI))
    on_question = {**COMMENT, "Id": "2", "PostId": "1", "UserDisplayName": "Jo"}
    del on_question["UserId"]
    beside = tmp_path / "Comments.xml"
    beside.write_text(
        comments(COMMENT, on_question, {**COMMENT, "PostId": "3"}, {**COMMENT, "PostId": "99"})
    )
    reading, posts = read_all(tmp_path)
    assert not reading.problems
    assert reading.skipped == {
        "posts of other kinds": 1, "comments on posts of other kinds, or of none": 2,
    }  # fmt: skip
    assert [post["externalId"] for post in posts] == ["1", "2", "c2", "c1"]  # each after its own
    assert posts[2:] == [
        {
            "externalId": "c2",
            "kind": "ANSWER",
            "questionExternalId": "1",
            "body": "Thanks, `that` is it & more",
            "score": 4,
            "createTime": "2024-03-04T00:00:00.500Z",
            "persona": {"externalId": "name:Jo", "displayName": "Jo"},
        },
        {
            "externalId": "c1",
            "kind": "ANSWER",
            "questionExternalId": "1",
            "parentAnswerExternalId": "2",
            "body": "Thanks, `that` is it & more",
            "score": 4,
            "createTime": "2024-03-04T00:00:00.500Z",
            "persona": {"externalId": "7", "displayName": "Stack Exchange user 7"},
        },
    ]
    _, alone = read_all(file)  # named itself, it is read alone
    assert alone == posts[:2]


def test_a_directory_without_comments_is_read_too(tmp_path: Path, file: Path) -> None:
    file.write_text(dump(QUESTION, ANSWER))
    _, posts = read_all(tmp_path)
    assert [post["externalId"] for post in posts] == ["1", "2"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"Text": ""}, "line 3, post c1: Comments.xml: the body is empty"),
        ({"Score": "x"}, "line 3, post c1: Comments.xml: Score 'x' is not an integer of 32 bits"),
        ({"PostId": "x"}, "line 3, post c1: Comments.xml: PostId 'x' is not a post's number"),
        (
            {"CreationDate": "now"},
            "line 3, post c1: Comments.xml: CreationDate 'now' is not a date and time",
        ),
        ({"UserId": "x"}, "line 3, post c1: Comments.xml: UserId 'x' is not a user's number"),
    ],
)
def test_a_bad_comment_is_named_with_its_line(
    tmp_path: Path, file: Path, change: dict[str, str], problem: str
) -> None:
    file.write_text(dump(QUESTION, ANSWER))
    (tmp_path / "Comments.xml").write_text(comments({**COMMENT, **change}))
    reading, _ = read_all(tmp_path)
    assert reading.problems.lines() == [problem]


def test_comments_that_are_none_are_refused(tmp_path: Path, file: Path) -> None:
    file.write_text(dump(QUESTION, ANSWER))
    (tmp_path / "Comments.xml").write_text(dump(QUESTION))
    reading, _ = read_all(tmp_path)
    assert reading.problems.lines() == [
        "line 2: the root is <posts>, not <comments>: this is no Comments.xml"
    ]


def test_a_directory_without_posts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Comments.xml").write_text(comments(COMMENT))
    reading, _ = read_all(tmp_path)
    (problem,) = reading.problems.lines()
    assert problem.endswith("Posts.xml does not exist")


@pytest.mark.parametrize("start", [b'<posts><row Body="', b"<posts><!-- ", b"<posts>"])
def test_endless_row_is_refused_fast_and_in_bounded_memory(file: Path, start: bytes) -> None:
    with file.open("wb") as stream:
        stream.write(start)
        # A sparse file would hold NULs, which end the parsing at once: these are real letters.
        for _ in range(40):
            stream.write(b" " * 1024 * 1024)
    begun = time.process_time()
    tracemalloc.start()
    with open_dump(file) as stream, pytest.raises(UnreadableDumpError, match="1,024 KiB"):
        list(rows(stream))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * 1024 * 1024
    assert time.process_time() - begun < 5


def test_memory_does_not_grow_with_the_file(file: Path) -> None:
    with file.open("w") as stream:
        stream.write("<posts>")
        for number in range(1, 1001):
            body = "<p>" + "word " * 2000 + "</p>"
            row = {"Id": str(number), "PostTypeId": "9", "Body": body}
            stream.write("<row " + " ".join(f"{k}={quoteattr(v)}" for k, v in row.items()) + "/>\n")
        stream.write("</posts>")
    tracemalloc.start()
    with open_dump(file) as opened:
        assert sum(1 for _ in rows(opened)) == 1000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert file.stat().st_size > 10_000_000
    assert peak < 2 * 1024 * 1024


def test_unreadable_paths_are_refused_in_one_line(tmp_path: Path) -> None:
    packed = tmp_path / "Posts.xml.gz"
    packed.write_bytes(gzip.compress(b"<posts/>"))
    seven = tmp_path / "site.7z"
    seven.write_bytes(b"7z\xbc\xaf\x27\x1c0000")
    empty = tmp_path / "empty.xml"
    empty.touch()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, reason in {
        packed: "is a gzip archive: unpack it first",
        seven: "is a 7z archive",
        empty: "is empty",
        pipe: "is not a regular file",
        tmp_path: "is a directory",
        tmp_path / "none.xml": "does not exist",
        tmp_path / ("n" * 300): "cannot be read: File name too long",
        Path("/dev/zero"): "is not a regular file",
    }.items():
        with pytest.raises(UnreadableDumpError, match=reason):
            open_dump(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission_is_refused(file: Path) -> None:
    file.touch(mode=0)
    with pytest.raises(UnreadableDumpError, match="permission denied"):
        open_dump(file)


@pytest.mark.skipif("GUILDHALL_DUMP" not in os.environ, reason="GUILDHALL_DUMP names no dump")
def test_a_real_dump_has_no_problems(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([os.environ["GUILDHALL_DUMP"], "aurora/general", "--check"]) == 0
    assert "can be imported" in capsys.readouterr().out
