"""Language tags, by plain calls."""

from __future__ import annotations

import pytest

from chassis.errors import FieldInvalidError
from chassis.locales import check_locale, lookup, shortened


@pytest.mark.parametrize(
    ("tag", "written"),
    [
        ("de", "de"),
        ("DE-at", "de-AT"),
        ("ZH-HANT-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("sl-rozaj-biske", "sl-rozaj-biske"),
        ("de-CH-1901", "de-CH-1901"),
    ],
)
def test_tag_is_written_in_one_way(tag: str, written: str) -> None:
    assert check_locale(tag, "locale") == written
    assert check_locale(written, "locale") == written


@pytest.mark.parametrize(
    "tag",
    ["", "d", "german", "de_AT", "de-", "de-AT-x-own", "de--AT", "\u017fr", "de\n", "de" * 20],
)
def test_what_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(FieldInvalidError) as refused:
        check_locale(tag, "locale")
    assert refused.value.field == "locale"


def test_shortened_to_what_it_belongs_to() -> None:
    assert shortened("zh-Hant-TW") == ["zh-Hant-TW", "zh-Hant", "zh"]
    assert shortened("") == []


def test_first_wanted_language_there_is() -> None:
    there = {"de", "fr-CA", "en"}
    assert lookup(["de-AT"], there) == "de"
    assert lookup(["fr", "en"], there) == "en"  # never a longer one: fr-CA is not what was asked
    assert lookup(["fr-CA", "en"], there) == "fr-CA"
    assert lookup(["it", "ja"], there) == ""
    assert lookup([], there) == ""
