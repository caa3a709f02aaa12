"""A small dump in Stack Exchange's format, written by us: questions about keeping bees."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import quoteattr

_ROWS: tuple[dict[str, str], ...] = (
    {
        "Id": "1",
        "PostTypeId": "1",
        "AcceptedAnswerId": "3",
        "CreationDate": "2021-03-04T08:15:30.123",
        "Score": "12",
        "Body": "<p>My hive is <strong>silent</strong> in the morning."
        " Does a silent hive mean the queen is gone?</p>\n<pre><code>hum = 0\n</code></pre>",
        "OwnerUserId": "7",
        "Title": "Does a silent hive mean that the queen is gone?",
        "Tags": "<queens><winter>",
    },
    {
        "Id": "2",
        "PostTypeId": "2",
        "ParentId": "1",
        "CreationDate": "2021-03-04T09:00:00.000",
        "Score": "1",
        "Body": "<p>Wait until noon.</p>",
        "OwnerUserId": "8",
    },
    {
        "Id": "3",
        "PostTypeId": "2",
        "ParentId": "1",
        "CreationDate": "2021-03-05T10:30:00.500",
        "Score": "9",
        "Body": "<p>No. In the cold they form a <em>winter cluster</em> and hum very softly;"
        " listen with a stethoscope.</p>",
        "OwnerDisplayName": "beatrice",
    },
    {
        "Id": "4",
        "PostTypeId": "1",
        "CreationDate": "2022-05-01T12:00:00.000",
        "Score": "3",
        "Body": "<p>Which wood keeps a hive dry?</p><ul><li>pine</li><li>larch</li></ul>",
        "OwnerUserId": "7",
        "Title": "Which wood keeps a hive dry?",
        "Tags": "<hives>",
    },
)


_COMMENTS: tuple[dict[str, str], ...] = (
    {
        "Id": "1",
        "PostId": "3",
        "Score": "2",
        "Text": "A *stethoscope* costs less than a new queen.",
        "CreationDate": "2021-03-06T07:00:00.000",
        "UserId": "7",
    },
    {
        "Id": "2",
        "PostId": "1",
        "Score": "0",
        "Text": "How cold is it?",
        "CreationDate": "2021-03-04T08:20:00.000",
        "UserDisplayName": "beatrice",
    },
)


def write_dump(folder: Path) -> Path:
    """Two questions, two answers, one of them accepted, and a comment on it and its question."""
    for root, rows in (("posts", _ROWS), ("comments", _COMMENTS)):
        lines = "\n".join(
            "  <row "
            + " ".join(f"{name}={quoteattr(value)}" for name, value in row.items())
            + " />"
            for row in rows
        )
        (folder / f"{root.capitalize()}.xml").write_text(
            f'<?xml version="1.0" encoding="utf-8"?>\n<{root}>\n{lines}\n</{root}>\n'
        )
    return folder
