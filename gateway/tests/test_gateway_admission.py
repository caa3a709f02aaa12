"""Who may go on: places, and in a crowd only what is cheap."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from chassis.errors import TooBusyError
from gateway import admission
from gateway.admission import Admission, NoPlaceError, OverloadedError
from gateway.portals.portal import DocumentsMode, Portal
from gateway.rate_limits import Rate, RateLimitedError, RateLimits
from gateway.tests.test_gateway_rate_limits import Air, Clock


@pytest.fixture
def doors() -> Admission:
    return Admission(RateLimits(Air(), now=Clock()))


def crowd(doors: Admission, places: int) -> ExitStack:
    """So many are under way."""
    stack = ExitStack()
    for _ in range(places):
        stack.enter_context(doors.place())
    return stack


def test_places_are_limited_and_given_back(doors: Admission) -> None:
    with crowd(doors, admission.MOST), pytest.raises(NoPlaceError) as full, doors.place():
        pass
    assert full.value.reason() == "TOO_BUSY"
    with doors.place():
        pass
    with ExitStack() as stack:
        for _ in range(admission.MOST_OF_ONE):
            stack.enter_context(doors.place("edda"))
        with pytest.raises(TooBusyError) as refusal, doors.place("edda"):
            pass
        assert refusal.value.reason() == "TOO_BUSY"
        with doors.place("selma"):
            pass
    with doors.place("edda"):
        pass


def test_in_a_crowd_the_dearest_are_refused_first(doors: Admission) -> None:
    most = []
    for tenth in range(11):
        with crowd(doors, admission.MOST * tenth // 10):
            most.append(doors.most_cost(1000))
    assert most == [1000] * 6 + [640, 360, 160, 40, 10]


def test_what_is_refused_for_the_crowd_takes_no_points(doors: Admission) -> None:
    doors.member = Rate(points=600, burst=100)
    with crowd(doors, admission.MOST * 9 // 10):
        with pytest.raises(OverloadedError, match="one that costs 90; up to 40 are begun"):
            doors.admit(90, 1000, "edda", None)
        (standing,) = doors.admit(40, 1000, "edda", None)
        assert standing.remaining == 60
        doors.admit(admission.CHEAPEST, 1000, "", None)
    with pytest.raises(RateLimitedError):
        doors.admit(61, 1000, "edda", None)
    assert doors.admit(61, 1000, "", None) == []  # nobody's points


def test_a_document_is_paid_by_who_sends_it_or_by_all_who_are_not_signed_in(
    doors: Admission,
) -> None:
    doors.admit_document(1_000, 1_000, "edda")
    doors.admit_document(1_000, 1_000, "")  # none are counted
    doors.member, doors.anonymous = Rate(points=600, burst=100), Rate(points=60, burst=10)
    doors.admit_document(100, 1_000, "edda")
    with pytest.raises(RateLimitedError) as refusal:
        doors.admit_document(1, 1_000, "edda")
    assert [one.spender.kind for one in refusal.value.standings] == ["member"]
    doors.admit_document(1, 1_000, "selma")
    doors.admit_document(10, 1_000, "")
    with pytest.raises(RateLimitedError) as refusal:
        doors.admit_document(1, 1_000, "")
    assert [one.spender.kind for one in refusal.value.standings] == ["anonymous"]
    with crowd(doors, admission.MOST * 9 // 10), pytest.raises(OverloadedError):
        doors.admit_document(41, 1_000, "selma")


@pytest.mark.parametrize(
    ("points", "share"), [(1, 1), (600, 600), (1_000, 600), (6_000, 600), (60_000, 6_000)]
)
def test_by_a_pages_origin_a_person_has_a_share_of_the_portals_points(
    doors: Admission, points: int, share: int
) -> None:
    """An origin is what anybody's script may say; a token of its client is not."""
    now = datetime.now(UTC)
    portal = Portal("p", "c", "P", (), (), DocumentsMode.OPEN, True, points, now)
    burst, most = max(points // 5, 1), max(share // 5, 1)
    told = doors.admit(most, 100_000, "edda", portal)
    assert [(one.spender.kind, one.spender.rate.points) for one in told] == [
        ("share", share),
        ("portal", points),
    ]
    with pytest.raises(RateLimitedError):
        doors.admit(1, 100_000, "edda", portal)
    assert doors.admit(1_000, 100_000, "", portal) == []  # nobody takes of it
    if burst > most:
        doors.admit(1, 100_000, "selma", portal)
        told = doors.admit(burst - most - 2, 100_000, "edda", portal, by_client=True)
        assert [one.spender.kind for one in told] == ["portal"]
    with pytest.raises(RateLimitedError):
        doors.admit(2, 100_000, "edda", portal, by_client=True)
