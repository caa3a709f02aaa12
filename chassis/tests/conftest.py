"""The fixtures every part's tests use."""

from chassis.testing import *  # noqa: F403
