"""The gateway of its own tests, with stand-ins behind it."""

from gateway.tests.conftest import *  # noqa: F403
