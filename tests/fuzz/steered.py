"""One target, its input steered by what it covers: `python -m tests.fuzz.steered MODULE NAME ...`.

What follows is for libFuzzer: folders of inputs and options. It ends the process.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

from tests.fuzz.targets import PARTS

# The parts, and the libraries that do the work there; not hypothesis, which only draws.
_COVERED = [*PARTS, "markdownify", "bs4", "html", "joserfc", "graphql"]
_MOST_SHOWN = 6_000


def main() -> None:
    """Never returns: libFuzzer exits, with 77 at a failure."""
    module, name, *options = sys.argv[1:]
    with atheris.instrument_imports(include=_COVERED):
        test = getattr(__import__(module, fromlist=[name]), name)
    inner = test.hypothesis.inner_test

    @functools.wraps(inner)
    def shown(*args: Any, **kwargs: Any) -> None:
        try:
            inner(*args, **kwargs)
        except Exception:
            print(f"FOUND {module}.{name} with {args!r} {kwargs!r}"[:_MOST_SHOWN], flush=True)
            raise

    test.hypothesis.inner_test = shown
    atheris.Setup([sys.argv[0], *options], test.hypothesis.fuzz_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
