"""`python -m gateway.schema` prints the schema into schema.graphql."""

from __future__ import annotations

from pathlib import Path

from gateway.schema import schema

if __name__ == "__main__":
    Path(__file__).parent.parent.joinpath("schema.graphql").write_text(schema.as_str() + "\n")
