"""`python -m gateway.portals SCHEMA` tells which registered documents a new schema would break.

It reads the documents of a running system where GATEWAY_MONGO_URI and GATEWAY_DATABASE_NAME say,
prints a line for everything that would break, with its portal, and ends with 1 where there is any.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from graphql import GraphQLSchema, GraphQLSyntaxError, build_schema

from chassis import mongo
from chassis.errors import UnavailableError
from gateway.cursors import encode_id
from gateway.portals.breaking import BrokenDocument, broken
from gateway.portals.portal import Portal
from gateway.portals.repository import PortalRepository


def _lines(portal: Portal, found: list[BrokenDocument]) -> Iterator[str]:
    whose = f"{portal.name} ({encode_id('Portal', portal.community_id, portal.id)})"
    for one in found:
        for problem in one.problems:
            yield f"{whose}: {one.document.name or 'unnamed'} {one.document.id}: {problem}"


async def check(uri: str, database: str, schema: GraphQLSchema) -> tuple[int, list[str]]:
    """How many documents there are, and a line for each thing that is wrong with any of them."""
    client = mongo.connect(uri, app="documents-check")
    try:
        repository = PortalRepository(mongo.database(client, database))
        lines: list[str] = []
        count = 0
        for portal in await repository.all_portals():
            count += portal.document_count
            found = await broken(schema, await repository.all_documents(portal))
            lines += _lines(portal, found)
        return count, lines
    finally:
        await client.close()


def main(arguments: list[str] | None = None) -> int:
    """Print what would break."""
    parser = argparse.ArgumentParser(prog="python -m gateway.portals", description=__doc__)
    parser.add_argument("schema", type=Path, help="the new schema, as schema.graphql")
    options = parser.parse_args(arguments)
    uri = os.environ.get("GATEWAY_MONGO_URI") or "mongodb://127.0.0.1:27017/?replicaSet=rs0"
    database = os.environ.get("GATEWAY_DATABASE_NAME") or "gateway"
    try:
        schema = build_schema(options.schema.read_text())
        count, lines = asyncio.run(check(uri, database, schema))
    except (OSError, GraphQLSyntaxError, UnavailableError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.write(f"{count} registered documents, {len(lines)} problems\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
