"""What managers use to keep a community's topics in order, in GraphQL."""

from __future__ import annotations
