"""Channels, announcements and receipts: requests as domain values, domain values as messages."""
