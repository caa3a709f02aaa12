"""Subscriptions: what services say, told to whom it concerns over WebSocket and SSE."""
