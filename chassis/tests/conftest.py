"""The fixtures every part's tests use, and the stage for eventing."""

from chassis.testing import *  # noqa: F403
from chassis.testing_events import stage  # noqa: F401
