"""MongoDB: the client with our guarantees, indexes and migrations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import AsyncMongoClient, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    AutoReconnect,
    ConnectionFailure,
    ExecutionTimeout,
    WaitQueueTimeoutError,
)
from pymongo.read_concern import ReadConcern

from chassis import mongo_driver  # noqa: F401 - puts its own waits into the driver
from chassis.decisions import Document

Database = AsyncDatabase[Document]

# The store is away, or takes too long: whoever asks again may be answered.
OUTAGES = (AutoReconnect, ConnectionFailure, ExecutionTimeout, WaitQueueTimeoutError)


@dataclass(frozen=True, slots=True)
class Index:
    """One index of one collection; `expire_after` in seconds."""

    collection: str
    keys: Sequence[tuple[str, int]]
    name: str
    unique: bool = False
    sparse: bool = False
    partial: Mapping[str, Any] | None = None
    expire_after: int | None = None

    def model(self) -> IndexModel:
        """As the driver wants it."""
        options: dict[str, Any] = {"name": self.name, "unique": self.unique}
        if self.sparse:
            options["sparse"] = True
        if self.partial is not None:
            options["partialFilterExpression"] = dict(self.partial)
        if self.expire_after is not None:
            options["expireAfterSeconds"] = self.expire_after
        return IndexModel(list(self.keys), **options)


@dataclass(frozen=True, slots=True)
class Migration:
    """A change of stored documents, run once, in order of name, before the service serves.

    May be cut off and run again: it must be harmless then.
    """

    name: str
    run: Callable[[Database], Awaitable[None]]


class Repository(Protocol):
    """What the chassis asks of every service's repository class."""

    indexes: Sequence[Index]
    migrations: Sequence[Migration]


def connect(uri: str, *, app: str) -> AsyncMongoClient[Document]:
    """A client that acknowledges nothing before a majority has it in its journal."""
    return AsyncMongoClient(
        uri,
        appname=f"guildhall-{app}",
        w="majority",
        journal=True,
        retryWrites=True,
        retryReads=True,
        serverSelectionTimeoutMS=1500,
        connectTimeoutMS=1000,
        socketTimeoutMS=8000,
        waitQueueTimeoutMS=1000,
        maxPoolSize=32,
        tz_aware=True,
    )


def database(client: AsyncMongoClient[Document], name: str) -> Database:
    """A service's own database; reads see only what a majority has."""
    options: CodecOptions[Document] = CodecOptions(
        # UTC as the driver has it: a tzinfo of ours would be converted to, one time after another.
        tz_aware=True,
        datetime_conversion=DatetimeConversion.DATETIME,
    )
    return client.get_database(name, codec_options=options, read_concern=ReadConcern("majority"))


async def ensure_indexes(database: Database, indexes: Sequence[Index]) -> None:
    """Create collections and indexes that are not there; may run in several replicas at once.

    Collections are made first, as a transaction should not have to.
    """
    wanted: dict[str, list[IndexModel]] = {}
    for index in indexes:
        wanted.setdefault(index.collection, []).append(index.model())
    for collection, models in wanted.items():
        await database[collection].create_indexes(models)


async def migrate(database: Database, migrations: Sequence[Migration]) -> None:
    """Run what has not run yet; the caller holds the lease that keeps other replicas out."""
    done = {row["_id"] async for row in database.schema_migrations.find({}, {"_id": 1})}
    for migration in sorted(migrations, key=lambda m: m.name):
        if migration.name not in done:
            await migration.run(database)
            await database.schema_migrations.insert_one(
                {"_id": migration.name, "time": datetime.now(UTC)}
            )
