"""Inputs and payloads of the forum's mutations. A payload's source is the RPC's response itself."""
