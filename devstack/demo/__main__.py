"""`python -m devstack.demo`: loads the demo data through the gateway, once."""

from __future__ import annotations

import asyncio
import os
import sys

from devstack.demo.client import DemoClient, DemoError
from devstack.demo.story import load


async def main() -> int:
    """Load; one line and exit code 1 where something is wrong."""
    url = os.environ.get("GUILDHALL_URL", "http://127.0.0.1:8080")
    try:
        async with DemoClient(url) as client:
            await load(client)
    except DemoError as error:
        print(f"demo data: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
