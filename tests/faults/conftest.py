"""What rows of the fault table share: one system for all of them."""

from tests.faults.rows import staged

__all__ = ["staged"]
