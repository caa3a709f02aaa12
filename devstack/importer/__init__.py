"""Imports another community into a space through Guildhall's own GraphQL API."""
