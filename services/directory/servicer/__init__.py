"""The directory over gRPC: one class an RPC service, each in a module of its own."""

from __future__ import annotations

from grpc import aio

from guildhall.directory.v1.directory_pb2_grpc import add_DirectoryServiceServicer_to_server
from guildhall.directory.v1.groups_pb2_grpc import add_GroupServiceServicer_to_server
from services.directory.repository import DirectoryRepository
from services.directory.servicer.directory import DirectoryServicer
from services.directory.servicer.groups import GroupServicer
from services.directory.use_cases import DirectoryUseCases

__all__ = ["DirectoryServicer", "GroupServicer", "add_servicers"]


def add_servicers(
    server: aio.Server, use_cases: DirectoryUseCases, repository: DirectoryRepository
) -> None:
    """All RPC services that the directory speaks."""
    add_DirectoryServiceServicer_to_server(DirectoryServicer(use_cases, repository), server)
    add_GroupServiceServicer_to_server(GroupServicer(use_cases, repository), server)
