"""The products of Apollo's compatibility suite on our classes: `python -m` with a port.

Its entities are found through `Subgraph`, its operations are executed by `Operations`, and HTTP is
the gateway's endpoint. Apollo's tracing (ftv1) is Strawberry's: the gateway's own is OpenTelemetry.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import orjson
import strawberry
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from strawberry.extensions.tracing.apollo_federation import ApolloFederationTracingExtension
from strawberry.schema_directive import Location

from chassis.messaging import Bus
from gateway.admission import Admission
from gateway.context import Context
from gateway.cursors import CursorKey
from gateway.endpoint import GraphQLEndpoint, Parts, Receive, Scope, Send
from gateway.execution.operations import Operations
from gateway.execution.resolvers import call_directly
from gateway.rate_limits import RateLimits
from gateway.schema.federation import Representation, Subgraph
from gateway.tests.executing import COMPILE_AT
from gateway.web import Site

_TRACE = b"apollo-federation-include-trace"


@strawberry.federation.schema_directive(
    locations=[Location.OBJECT],
    name="custom",
    compose=True,
    import_url="https://myspecs.dev/myCustomDirective/v1.0",
)
class Custom:
    """Composed into the supergraph."""


@strawberry.federation.type(keys=["email"])
class User:
    """Of the users subgraph, which knows the rest of it."""

    email: strawberry.ID
    total_products_created: int | None = strawberry.federation.field(external=True, default=None)
    years_of_employment: int = strawberry.federation.field(external=True, default=0)

    @strawberry.federation.field(override="users")  # type: ignore[untyped-decorator]
    def name(self) -> str | None:
        return "Jane Smith" if self.email == _JANE else None

    @strawberry.federation.field(  # type: ignore[untyped-decorator]
        requires=["totalProductsCreated", "yearsOfEmployment"]
    )
    def average_products_created_per_year(self) -> int | None:
        if self.total_products_created is None or not self.years_of_employment:
            return None
        return round(self.total_products_created / self.years_of_employment)


@strawberry.federation.type(shareable=True)
class ProductDimension:
    """As the inventory subgraph has it."""

    size: str | None
    weight: float | None
    unit: str | None = strawberry.federation.field(inaccessible=True)


@strawberry.type
class ProductVariation:
    """A value."""

    id: strawberry.ID


@strawberry.type
class CaseStudy:
    """A value."""

    case_number: strawberry.ID
    description: str | None


@strawberry.federation.type(keys=["study { caseNumber }"])
class ProductResearch:
    """Its key is within another object."""

    study: CaseStudy
    outcome: str | None = None


@strawberry.federation.type(keys=["sku package"])
class DeprecatedProduct:
    """Its key has two fields."""

    sku: str
    package: str
    reason: str | None
    created_by: User | None


@strawberry.federation.type(
    keys=["id", "sku package", "sku variation { id }"], directives=[Custom()]
)
class Product:
    """It has three keys."""

    id: strawberry.ID
    sku: str | None
    package: str | None
    variation: ProductVariation | None
    dimensions: ProductDimension | None
    created_by: User | None = strawberry.federation.field(provides=["totalProductsCreated"])
    notes: str | None = strawberry.federation.field(tags=["internal"])
    research: list[ProductResearch]


@strawberry.federation.interface_object(keys=["id"])
class Inventory:
    """An interface of the inventory subgraph, which knows its types."""

    id: strawberry.ID

    @strawberry.field
    def deprecated_products(self) -> list[DeprecatedProduct]:
        return [_DEPRECATED]


_JANE = "support@apollographql.com"
_CREATOR = User(email=strawberry.ID(_JANE), total_products_created=1337, years_of_employment=10)
_SMALL = ProductDimension(size="small", weight=1, unit="kg")
_DEPRECATED = DeprecatedProduct(
    sku="apollo-federation-v1",
    package="@apollo/federation-v1",
    reason="Migrate to Federation V2",
    created_by=_CREATOR,
)
_RESEARCH = [
    ProductResearch(study=CaseStudy(case_number=strawberry.ID(number), description=description))
    for number, description in (("1234", "Federation Study"), ("1235", "Studio Study"))
]
_PRODUCTS = [
    Product(
        id=strawberry.ID(name),
        sku=sku,
        package=package,
        variation=ProductVariation(id=strawberry.ID(variation)),
        dimensions=_SMALL,
        created_by=_CREATOR,
        notes=None,
        research=[research],
    )
    for (name, sku, package, variation), research in zip(
        (
            ("apollo-federation", "federation", "@apollo/federation", "OSS"),
            ("apollo-studio", "studio", "", "platform"),
        ),
        _RESEARCH,
        strict=True,
    )
]


def _among(rows: Sequence[Any]) -> Callable[..., Any]:
    """Entities that are found by whatever key they are asked for by."""

    async def find(_: Context, __: str, asked: Sequence[Representation]) -> Sequence[Any]:
        return [
            next((row for row in rows if _agrees(row, representation.keys)), None)
            for representation in asked
        ]

    return find


def _agrees(row: Any, keys: Mapping[str, Any]) -> bool:
    for name, value in keys.items():
        if name == "__typename":
            continue
        own = getattr(row, "case_number" if name == "caseNumber" else name)
        if not (_agrees(own, value) if isinstance(value, dict) else own == value):
            return False
    return True


async def _users(_: Context, __: str, asked: Sequence[Representation]) -> Sequence[User]:
    """With what the router brings along of other subgraphs' fields."""
    return [
        User(
            email=one.keys["email"],
            total_products_created=one.keys.get("totalProductsCreated"),
            years_of_employment=one.keys.get("yearsOfEmployment", 0),
        )
        for one in asked
    ]


async def _inventories(_: Context, __: str, asked: Sequence[Representation]) -> Sequence[Inventory]:
    return [Inventory(id=one.keys["id"]) for one in asked]


@strawberry.type
class Query:
    """What is asked of products."""

    @strawberry.field
    def product(self, id: strawberry.ID) -> Product | None:
        return next((row for row in _PRODUCTS if row.id == id), None)

    @strawberry.field(  # type: ignore[untyped-decorator]
        deprecation_reason="Use product query instead"
    )
    def deprecated_product(self, sku: str, package: str) -> DeprecatedProduct | None:
        return _DEPRECATED if (sku, package) == (_DEPRECATED.sku, _DEPRECATED.package) else None


schema = Subgraph(
    query=Query,
    entities={
        Product: _among(_PRODUCTS),
        DeprecatedProduct: _among([_DEPRECATED]),
        ProductResearch: _among(_RESEARCH),
        User: _users,
        Inventory: _inventories,
    },
    extensions=[ApolloFederationTracingExtension],
)
call_directly(schema)


class Products:
    """The gateway's endpoint, asked by nobody; a trace is asked of Strawberry."""

    def __init__(self) -> None:
        nobodys = cast("Any", None)  # what only the signed in need
        self._endpoint = GraphQLEndpoint(
            Parts(
                site=Site("http://127.0.0.1"),
                services=nobodys,
                operations=Operations(schema, compile_at=COMPILE_AT),
                verifier=nobodys,
                actors=nobodys,
                directory_cache=nobodys,
                sessions=nobodys,
                cursor_key=CursorKey(b"k" * 32),
                known_portals=nobodys,
                portals=nobodys,
                admission=Admission(RateLimits(Bus("nats://127.0.0.1:1", name="products"))),
                introspection="everybody",
            )
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if any(name == _TRACE for name, _ in scope["headers"]):
            request = Request(scope, receive)
            asked = orjson.loads(await request.body())
            result = await schema.execute(
                asked["query"], asked.get("variables"), context_value={"request": request}
            )
            body = {"data": result.data, "extensions": result.extensions}
            response = Response(orjson.dumps(body), media_type="application/json")
            await response(scope, receive, send)
        else:
            await self._endpoint(scope, receive, send)


if __name__ == "__main__":
    uvicorn.run(
        Products(),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        lifespan="off",
        log_level="warning",
    )
