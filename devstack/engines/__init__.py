"""The embedded engines: mongod, nats-server, OpenSearch or osmem; real programs on loopback."""

from devstack.engines.bus import nats
from devstack.engines.database import mongod
from devstack.engines.engine import Engine
from devstack.engines.search import search_engine
from devstack.processes import ProcessError

__all__ = ["Engine", "ProcessError", "mongod", "nats", "search_engine"]
