"""Link cards: which hosts a list names, which links of a post have one, when a page is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chassis.errors import FieldInvalidError
from services.forum.converters.markdown import render
from services.forum.domain.link_cards import (
    MOST_HOSTS,
    check_hosts,
    is_listed,
    link_of,
    links_of,
    next_try,
)

HOSTS = ("docs.example.com", "*.example.org", "xn--bcher-kva.example")


def test_a_list_of_hosts_is_kept_as_it_is_given_each_once() -> None:
    given = ["docs.example.com", "*.example.com", "xn--bcher-kva.example", "docs.example.com"]
    assert check_hosts(given) == ("docs.example.com", "*.example.com", "xn--bcher-kva.example")
    assert check_hosts([]) == ()


@pytest.mark.parametrize(
    "host",
    [
        *("", "*", "*.", ".", "com", "*.com", "localhost", "*.localhost", "a.*.example.com"),
        *("Docs.example.com", "bücher.example", "docs.example.com.", ".example.com", "a..b.com"),
        *("127.0.0.1", "*.0.0.1", "127.1", "2130706433", "0x7f.0x1", "[::1]", "::1", "a.0x7f"),
        *("docs.example.com:443", "https://docs.example.com", "docs.example.com/a", "a@b.com"),
        *("-docs.example.com", "docs-.example.com", f"{'a' * 64}.com", f"{'a.' * 127}com"),
        *("docs.example.com\n", " docs.example.com", "do cs.example.com", "docs_.example.com"),
    ],
)
def test_what_names_no_host_is_refused_where_it_stands(host: str) -> None:
    with pytest.raises(FieldInvalidError) as refusal:
        check_hosts(["docs.example.com", host])
    assert refusal.value.field == "link_card_hosts.1"


def test_a_list_has_an_end() -> None:
    hosts = [f"h{number}.example.com" for number in range(MOST_HOSTS + 1)]
    assert len(check_hosts(hosts[1:])) == MOST_HOSTS
    with pytest.raises(FieldInvalidError) as refusal:
        check_hosts(hosts)
    assert refusal.value.field == "link_card_hosts"


def test_inside_a_single_label_is_a_host_and_nothing_else_more() -> None:
    assert check_hosts(["localhost"], inside=True) == ("localhost",)
    for host in ("*", "*.com", "127.0.0.1", "2130706433", ""):
        with pytest.raises(FieldInvalidError):
            check_hosts([host], inside=True)


@pytest.mark.parametrize(
    ("host", "listed"),
    [
        ("docs.example.com", True),
        ("a.example.org", True),
        ("a.b.example.org", True),
        ("example.org", False),
        ("example.com", False),
        ("a.docs.example.com", False),
        ("badexample.org", False),
        ("docs.example.com.evil.net", False),
    ],
)
def test_a_name_is_one_host_and_a_star_all_below(host: str, listed: bool) -> None:
    assert is_listed(host, HOSTS) is listed


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://docs.example.com", "https://docs.example.com/"),
        ("https://DOCS.example.com:443/a?b=1&c=%20#d", "https://docs.example.com/a?b=1&c=%20"),
        ("https://b%C3%BCcher.example/", "https://xn--bcher-kva.example/"),
        ("https://bücher.example/x", "https://xn--bcher-kva.example/x"),
    ],
)
def test_an_address_is_asked_in_one_way(url: str, address: str) -> None:
    link = link_of(url, HOSTS)
    assert link is not None
    assert (link.url, link.address) == (url, address)
    assert link_of(url, ()) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://docs.example.com/",
        "ftp://docs.example.com/",
        "//docs.example.com/",
        "mailto:a@docs.example.com",
        "https://docs.example.com:8443/",
        "https://docs.example.com:x/",
        "https://somebody@docs.example.com/",
        "https://somebody:secret@docs.example.com/",
        "https://@docs.example.com/",
        "https://docs.example.com\\@evil.example/",
        "https://docs.example.com%2f.evil.example/",
        "https://evil.example/https://docs.example.com/",
        "https://docs.example.com./",
        "https://[::1]/",
        "https://[/",
        "https://127.0.0.1/",
        "https:///docs.example.com",
        f"https://docs.example.com/{'a' * 2_048}",
        "https://docs.example.com/ü",
        f"https://{'ü' * 500}.example.org/",
    ],
)
def test_what_is_no_plain_address_of_a_listed_host_is_not_asked(url: str) -> None:
    assert link_of(url, HOSTS) is None


def test_inside_other_ports_and_http_are_asked_of_listed_hosts() -> None:
    link = link_of("http://localhost:8080/a", ["localhost"], inside=True)
    assert link is not None
    assert (link.host, link.address) == ("localhost", "http://localhost:8080/a")
    assert link_of("http://elsewhere:8080/a", ["localhost"], inside=True) is None
    assert link_of("http://docs.example.com/", HOSTS) is None


def urls(source: str) -> list[str]:
    return [link.url for link in links_of(render(source), HOSTS)]


def test_the_first_three_links_of_a_post_that_are_on_the_list() -> None:
    source = "https://elsewhere.example/ " + " ".join(
        f"[{number}](https://docs.example.com/{number} 'of {number}')" for number in range(5)
    )
    assert urls(source) == [f"https://docs.example.com/{number}" for number in range(3)]
    twice = "https://docs.example.com/a#b https://docs.example.com/a <https://a.example.org>"
    assert urls(twice) == ["https://docs.example.com/a#b", "https://a.example.org"]
    assert urls("[so](https://docs.example.com/?a=1&b=2)") == ["https://docs.example.com/?a=1&b=2"]


@pytest.mark.parametrize(
    "source",
    [
        "`https://docs.example.com/`",
        "```\nhttps://docs.example.com/\n```",
        "    https://docs.example.com/",
        "docs.example.com",
        "[so](/a)",
        '<a href="https://docs.example.com/">so</a>',
        "https://elsewhere.example/ " * 50 + "https://docs.example.com/",
    ],
)
def test_what_is_no_link_makes_no_card(source: str) -> None:
    assert urls(source) == []


def test_failures_are_tried_again_ever_later() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    waits = [next_try(failures, now) - now for failures in range(6)]
    week = timedelta(days=7)
    assert waits == [week, timedelta(hours=1), timedelta(days=1), week, week, week]
