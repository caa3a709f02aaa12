"""Portals and documents as messages: what commands answer and the schema reads."""

from __future__ import annotations

from chassis.timestamps import timestamp_of
from gateway.portals.portal import Document, Portal
from guildhall.gateway.v1 import gateway_pb2


def portal_to_proto(portal: Portal, version: int) -> gateway_pb2.Portal:
    """At this version."""
    return gateway_pb2.Portal(
        id=portal.id,
        community_id=portal.community_id,
        name=portal.name,
        clients=[
            gateway_pb2.Client(issuer=client.issuer, client_id=client.client_id)
            for client in portal.clients
        ],
        origins=portal.origins,
        documents_mode=portal.documents_mode.value,  # type: ignore[arg-type]
        introspection=portal.introspection,
        points_per_minute=portal.points_per_minute,
        document_count=portal.document_count,
        create_time=timestamp_of(portal.create_time),
        version=version,
    )


def document_to_proto(document: Document) -> gateway_pb2.Document:
    """As it is."""
    return gateway_pb2.Document(
        id=document.id,
        community_id=document.community_id,
        portal_id=document.portal_id,
        name=document.name,
        text=document.text,
        cost=document.cost,
        register_time=timestamp_of(document.register_time),
    )
