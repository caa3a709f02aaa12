"""Keys that two parts spell alike."""

from __future__ import annotations

from chassis.keys import territory_key


def test_a_territory_is_the_same_however_it_is_spelled_and_nowhere_else() -> None:
    assert territory_key("DACH", "c1") == territory_key("dach", "c1")
    keys = {territory_key(name, at) for name in ("DACH", "UK & Ireland") for at in ("c1", "c2")}
    assert len(keys) == 4
    assert all(key.endswith(("@c1", "@c2")) for key in keys)


def test_the_keys_of_many_long_names_stay_short() -> None:
    """A token has room for 16,384 characters, and somebody is in some communities."""
    keys = [territory_key(f"{number:02} {'地' * 37}", "c" * 32) for number in range(20)]
    assert sum(map(len, keys)) < 1_200
    assert all(map(str.isascii, keys))
