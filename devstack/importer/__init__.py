"""Imports a Stack Exchange dump into a space through Guildhall's own GraphQL API."""
