"""Portals: vendors' websites and scripts that use the API, and the documents they registered."""
