"""Changes of many documents as one statement: each in its own, where its seq is still that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo import UpdateMany

from chassis import changes
from chassis.changes import Change, as_one
from chassis.mongo import Database

HERE = {"community_id": "c1"}


async def there(store: Database) -> dict[str, Any]:
    return {row.pop("_id"): row async for row in store.things.find()}


async def filled(store: Database, count: int) -> None:
    await store.things.insert_many(
        [
            {"_id": f"t{n}", "community_id": "c1" if n else "c2", "seq": n, "kept": n}
            for n in range(count)
        ]
    )


async def apply(store: Database, some: list[Change]) -> int:
    operations = list(as_one(HERE, some, store.codec_options))
    return (await store.things.bulk_write(operations)).matched_count


async def test_each_lands_in_its_own_where_seq_is_still(database: Database) -> None:
    await filled(database, 6)
    some = [Change(f"t{n}", n, {"seq": n + 10, "mark": f"m{n}"}) for n in (5, 1, 3)]
    moved_on = Change("t4", 3, {"seq": 14, "mark": "never"})
    elsewhere = Change("t0", 0, {"seq": 10, "mark": "never"})
    assert await apply(database, [*some, moved_on, elsewhere]) == 3
    rows = await there(database)
    assert [rows[f"t{n}"] for n in (1, 3, 5)] == [
        {"community_id": "c1", "seq": n + 10, "kept": n, "mark": f"m{n}"} for n in (1, 3, 5)
    ]
    assert all("mark" not in rows[id_] for id_ in ("t0", "t2", "t4"))


async def test_whole_documents_are_what_was_given(database: Database) -> None:
    await filled(database, 4)
    at = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    odd = {
        "$set": "$kept",
        "a.b": ["$seq", {"$literal": 1}],
        "none": None,
        "bytes": b"\0",
        "at": at,
    }
    given: list[dict[str, Any]] = [
        {"_id": f"t{n}", "community_id": "c1", "seq": n + 1, "text": f"$kept {n}", "in": odd}
        for n in (1, 2, 3)
    ]
    some = [Change(one["_id"], one["seq"] - 1, one, whole=True) for one in given]
    assert await apply(database, some) == 3
    rows = await there(database)
    assert [{"_id": one["_id"], **rows[one["_id"]]} for one in given] == given


@pytest.mark.parametrize("seq", [1, 2])
async def test_one_alone_is_guarded_alike(database: Database, seq: int) -> None:
    await filled(database, 2)
    assert await apply(database, [Change("t1", seq, {"seq": 9})]) == (seq == 1)
    assert (await there(database))["t1"]["seq"] == (9 if seq == 1 else 1)


async def test_large_ones_are_shared_out_among_statements(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_MOST_BYTES", 1_000)
    await filled(database, 9)
    some = [
        Change(f"t{n}", n, {"seq": n, "text": "x" * (1_500 if n == 4 else 300)})
        for n in range(1, 9)
    ]
    operations = list(as_one(HERE, some, database.codec_options))
    assert len(operations) == 4
    assert all(isinstance(one, UpdateMany) for one in operations)
    assert (await database.things.bulk_write(operations)).matched_count == 8
    rows = await there(database)
    assert [len(rows[f"t{n}"]["text"]) for n in range(1, 9)] == [300] * 3 + [1_500] + [300] * 4


def test_nothing_is_no_operation(database: Database) -> None:
    assert list(as_one(HERE, [], database.codec_options)) == []
