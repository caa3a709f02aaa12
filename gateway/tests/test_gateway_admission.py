"""Who may go on: places, and in a crowd only what is cheap."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from chassis.errors import TooBusyError
from gateway import admission
from gateway.admission import Admission, NoPlaceError, OverloadedError
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
