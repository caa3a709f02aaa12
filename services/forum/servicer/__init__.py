"""The forum over gRPC: one class an RPC service, each in a module of its own."""

from __future__ import annotations

from services.forum.servicer.forum import ForumServicer

__all__ = ["ForumServicer"]
