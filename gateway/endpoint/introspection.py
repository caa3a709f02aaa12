"""Who may ask for the schema: not nobody, unless the setting says so; and as a portal's owner says.

`__typename` tells of data and is always answered.
"""

from __future__ import annotations

import re

from graphql import DocumentNode, FieldNode, visit
from graphql import Visitor as NodeVisitor

from gateway.context import Caller
from gateway.endpoint.requests import HttpError
from gateway.execution.operations import Operation
from gateway.portals.portal import Portal
from gateway.settings import Introspection

_FIELDS = ("__schema", "__type", "_service")  # the last is what routers of Federation ask
_NAMED = re.compile(
    r"(__schema|__type|_service)\b"
)  # in a name, a text or a comment: names have no escapes


class _Looking(NodeVisitor):
    found = False

    def enter_field(self, node: FieldNode, *_: object) -> None:
        self.found = self.found or node.name.value in _FIELDS


def introspects(document: DocumentNode) -> bool:
    """Whether any of its selections asks for the schema."""
    looking = _Looking()
    visit(document, looking)
    return looking.found


def check_introspection(
    allowed: Introspection,
    operation: Operation,
    caller: Caller | None,
    portal: Portal | None,
) -> None:
    """Refuse a question about the schema to those it is not answered to."""
    if portal is not None and not portal.introspection:
        problem = "this portal's owner has turned introspection off"
    elif allowed == "nobody":
        problem = "introspection is turned off here: schema.graphql is part of each release"
    elif allowed == "signed-in" and caller is None:
        problem = "sign in, or send a bearer token, to see the schema"
    else:
        return
    if _NAMED.search(operation.text) and introspects(operation.document):
        raise HttpError(403, "INTROSPECTION_REFUSED", problem)
