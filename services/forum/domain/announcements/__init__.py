"""Channels, announcements, whom they are for and who has read them."""
