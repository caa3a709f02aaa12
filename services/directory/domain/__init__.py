"""Persons, companies, communities and what binds them; one module per aggregate."""
