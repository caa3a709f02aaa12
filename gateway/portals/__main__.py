"""`python -m gateway.portals SCHEMA` tells which registered documents a new schema would break.

It reads the documents of a running system where GATEWAY_MONGO_URI and GATEWAY_DATABASE_NAME say, or
FILES that are to be registered; prints a line for everything that would break, or become too dear
for its portal, and ends with 1 where there is any. What fields cost is as in this version.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from graphql import (
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSyntaxError,
    build_schema,
    concat_ast,
    parse,
    print_ast,
)
from graphql.utilities import separate_operations

from chassis import mongo
from chassis.errors import UnavailableError
from gateway.cursors import encode_id
from gateway.portals.breaking import broken, dearer, problems
from gateway.portals.portal import Portal
from gateway.portals.repository import PortalRepository
from gateway.schema import schema as ours


def priced(text: str) -> GraphQLSchema:
    """A printed schema, with what its fields cost: that is not printed."""
    schema = build_schema(text)
    for name, kind in schema.type_map.items():
        known = ours._schema.type_map.get(name)  # noqa: SLF001 - graphql-core's own
        if isinstance(kind, GraphQLObjectType) and isinstance(known, GraphQLObjectType):
            for field, definition in kind.fields.items():
                if field in known.fields:
                    definition.extensions = known.fields[field].extensions
    return schema


async def _lines(repository: PortalRepository, schema: GraphQLSchema, portal: Portal) -> list[str]:
    whose = f"{portal.name} ({encode_id('Portal', portal.community_id, portal.id)})"
    documents = await repository.all_documents(portal)
    found = {one.document.id: one.problems for one in await broken(schema, documents)}
    return [
        f"{whose}: {one.name or 'unnamed'} {one.id}: {problem}"
        for one in documents
        for problem in found.get(one.id) or dearer(schema, portal, one)
    ]


async def check(uri: str, database: str, schema: GraphQLSchema) -> tuple[int, list[str]]:
    """How many documents there are, and a line for each thing that is wrong with any of them."""
    client = mongo.connect(uri, app="documents-check")
    try:
        repository = PortalRepository(mongo.database(client, database))
        lines: list[str] = []
        count = 0
        for portal in await repository.all_portals():
            count += portal.document_count
            lines += await _lines(repository, schema, portal)
        return count, lines
    finally:
        await client.close()


def check_files(paths: Sequence[Path], schema: GraphQLSchema) -> tuple[int, list[str]]:
    """As `check`: each operation with those fragments of all files that it spreads."""
    documents = separate_operations(concat_ast([parse(path.read_text()) for path in paths]))
    lines = [
        f"{name or 'unnamed'}: {problem}"
        for name, document in documents.items()
        for problem in problems(schema, print_ast(document))
    ]
    return len(documents), lines


def main(arguments: list[str] | None = None) -> int:
    """Print what would break."""
    parser = argparse.ArgumentParser(prog="python -m gateway.portals", description=__doc__)
    parser.add_argument("schema", type=Path, help="the new schema, as schema.graphql")
    parser.add_argument("files", nargs="*", type=Path, help="documents in place of the registered")
    options = parser.parse_args(arguments)
    uri = os.environ.get("GATEWAY_MONGO_URI") or "mongodb://127.0.0.1:27017/?replicaSet=rs0"
    database = os.environ.get("GATEWAY_DATABASE_NAME") or "gateway"
    try:
        schema = priced(options.schema.read_text())
        if options.files:
            count, lines = check_files(options.files, schema)
        else:
            count, lines = asyncio.run(check(uri, database, schema))
    except (OSError, GraphQLSyntaxError, UnavailableError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.writelines(f"{line}\n" for line in lines)
    kind = "documents" if options.files else "registered documents"
    sys.stdout.write(f"{count} {kind}, {len(lines)} problems\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
