"""Spaces, topics and replies, and what may be done to them."""
