"""How operations are executed in tests: GATEWAY_EXECUTION, as the gateway's own setting is read."""

from __future__ import annotations

import os

# Compiled at once, so that a test needs not ask twice; None: never, by the library alone.
COMPILE_AT = None if os.environ.get("GATEWAY_EXECUTION") == "stock" else 1
