"""What members can do in the forum, in GraphQL: one mutation an RPC, named alike."""

from __future__ import annotations

from gateway.schema.forum.mutations.replies import ReplyMutation
from gateway.schema.forum.mutations.spaces import SpaceMutation
from gateway.schema.forum.mutations.topics import TopicMutation

__all__ = ["ReplyMutation", "SpaceMutation", "TopicMutation"]
