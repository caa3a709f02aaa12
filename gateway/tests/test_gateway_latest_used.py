"""What was used last stays, within its bounds."""

from __future__ import annotations

from gateway.latest_used import LatestUsed


def by_value(most: int = 3, most_characters: int = 100) -> LatestUsed[int, str]:
    return LatestUsed(most, most_characters, lambda _, text: len(text))


def test_what_was_used_longest_ago_goes_first() -> None:
    kept = by_value()
    for key in (1, 2, 3):
        kept.put(key, "text")
    assert kept.get(1) == "text"
    kept.put(4, "text")
    assert [key for key in (1, 2, 3, 4) if kept.get(key)] == [1, 3, 4]
    assert (len(kept), kept.characters) == (3, 12)


def test_characters_are_counted_as_its_owner_says() -> None:
    values = by_value(most=100, most_characters=10)
    for key in range(5):
        values.put(key, "1234")
    assert (len(values), values.characters) == (2, 8)
    keys: LatestUsed[str, str] = LatestUsed(100, 10, lambda key, _: len(key))
    for name in ("one", "two", "three", "four"):
        keys.put(name, "a long text that counts nothing")
    assert (len(keys), keys.characters) == (2, 9)


def test_what_is_put_again_counts_once() -> None:
    kept = by_value()
    for text in ("a", "bcd", "bc"):
        kept.put(1, text)
    assert (kept.get(1), len(kept), kept.characters) == ("bc", 1, 2)


def test_what_has_grown_is_put_again_and_counts_as_it_is() -> None:
    kept: LatestUsed[int, list[int]] = LatestUsed(10, 10, lambda _, rows: len(rows))
    grown, other = [1], [1, 2]
    kept.put(1, grown)
    kept.put(2, other)
    grown += range(8)
    assert kept.characters == 3
    kept.put(1, grown)
    assert (kept.get(1), kept.get(2), kept.characters) == (grown, None, 9)


def test_what_is_too_large_is_not_kept() -> None:
    kept = by_value(most_characters=3)
    kept.put(1, "large")
    assert (kept.get(1), len(kept), kept.characters) == (None, 0, 0)
