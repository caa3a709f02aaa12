"""What people do with files: ask for an address, say that the file is there, read it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chassis.actors import Actor
from chassis.decisions import Decision, Seen
from chassis.errors import DomainError, UnavailableError
from chassis.moment import cut
from chassis.placing import placed
from chassis.timestamps import timestamp_of
from guildhall.forum.v1 import attachments_pb2 as pb
from services.forum.converters.domain_events import upload_completed, upload_created
from services.forum.converters.messages import attachment_to_proto
from services.forum.domain.attachments import (
    UPLOAD_TIME,
    URL_TIME,
    Attachment,
    AttachmentNotFoundError,
    AttachmentState,
    ChecksumMismatchError,
    Content,
    Scan,
    SizeMismatchError,
    UploadLimitReachedError,
    UploadMissingError,
    UploadsDisabledError,
    check_sha256,
    check_size,
)
from services.forum.domain.file_types import check_file_name, check_type
from services.forum.domain.members import Member

if TYPE_CHECKING:
    from chassis.commands import Commands
    from services.forum.repository import ForumRepository
    from services.forum.repository.blobs import Blobs
    from services.forum.repository.scanner import Scanner
    from services.forum.use_cases.inspecting import Inspector


@dataclass(frozen=True, slots=True)
class Files:
    """Where files are kept and who looks into them."""

    blobs: Blobs
    inspector: Inspector
    scanner: Scanner | None = None
    scan_required: bool = True  # False: what cannot be scanned is taken all the same

    async def scan(self, data: bytes) -> Scan:
        """UNKNOWN only where a scan is required and the scanner is away."""
        found = Scan.CLEAN if self.scanner is None else await self.scanner.scan(data)
        return Scan.CLEAN if found is Scan.UNKNOWN and not self.scan_required else found


class AttachmentUseCases:
    """Files go past the forum to the store; it gives the address and looks into what was put."""

    def __init__(
        self,
        commands: Commands,
        repository: ForumRepository,
        files: Files | None,
    ) -> None:
        self._commands = commands
        self._repository = repository
        self._files = files

    async def create_upload(
        self, actor: Actor, request: pb.CreateUploadRequest
    ) -> pb.CreateUploadResponse:
        """Refuses as the proto says."""
        member = Member.of(actor, request.community_id)
        name = check_file_name(request.name)
        kind = check_type(name, request.type)
        size, digest = check_size(request.size), check_sha256(request.sha256)
        done = await self._commands.replay(actor, request)
        if isinstance(done, pb.CreateUploadResponse):
            return done
        now = datetime.now(UTC)
        attachment = Attachment(
            id=self._commands.new_id(actor, request),
            community_id=request.community_id,
            uploader_id=member.person_id,
            number=0,
            name=name,
            type=kind.name,
            size=size,
            sha256=digest,
            state=AttachmentState.UPLOADING,
            create_time=cut(now),
            version=1,
        )
        self._store()  # refuse where there is none, before limits

        async def put() -> Attachment:
            uploader = await self._repository.get_uploader(
                request.community_id, member.person_id, attachment.create_time
            )
            return uploader.put(attachment, member)

        async def create(made: Attachment) -> pb.CreateUploadResponse:
            return await self._create(actor, request, made)

        return await placed(put, create, UploadLimitReachedError)

    async def _create(
        self, actor: Actor, request: pb.CreateUploadRequest, made: Attachment
    ) -> pb.CreateUploadResponse:
        until = made.create_time + UPLOAD_TIME
        address = await self._store().blobs.upload_address(made, until)

        def decide(seen: Seen[Attachment]) -> Decision[Attachment, pb.CreateUploadResponse]:
            def answer(_: int) -> pb.CreateUploadResponse:
                return pb.CreateUploadResponse(
                    attachment=attachment_to_proto(made),
                    url=address.url,
                    headers=[
                        pb.UploadHeader(name=name, value=value)
                        for name, value in address.headers.items()
                    ],
                    expire_time=timestamp_of(until),
                )

            if seen.state is not None:  # asked again after the record of the first time expired
                return Decision(seen.state, answer)
            review = self._repository.review_of(made, seen.now.time)
            return Decision(made, answer, [upload_created(made)], writes=[review])

        ref = self._repository.attachment_ref(made.community_id, made.id)
        return await self._commands.run(actor, request, ref, decide)

    async def complete_upload(
        self, actor: Actor, request: pb.CompleteUploadRequest
    ) -> pb.CompleteUploadResponse:
        """Refuses as the proto says; what is refused for its content is deleted."""
        member = Member.of(actor, request.community_id)
        done = await self._commands.replay(actor, request)
        if isinstance(done, pb.CompleteUploadResponse):
            return done
        found = await self._repository.get_own_attachment(
            request.community_id, request.attachment_id, member.person_id
        )
        content, scan = Content(b""), Scan.UNKNOWN
        blob = f"{found.id}{secrets.token_hex(8)}"  # what another attempt scanned stays as it is
        if found.state is AttachmentState.UPLOADING:
            content, scan = await self._look_into(found, member, blob)

        def decide(seen: Seen[Attachment]) -> Decision[Attachment, pb.CompleteUploadResponse]:
            attachment = seen.state
            if attachment is None or attachment.state is AttachmentState.REMOVED:
                raise AttachmentNotFoundError(field="attachment_id")
            if attachment.state is not AttachmentState.UPLOADING:  # done before, or just now
                return Decision(attachment, lambda _: _completed(attachment))
            if not content.data:
                raise UploadMissingError(field="attachment_id")
            completed = attachment.complete(content, scan, blob)
            event = upload_completed(completed)
            review = self._repository.review_of(completed, seen.now.time)
            return Decision(completed, lambda _: _completed(completed), [event], writes=[review])

        ref = self._repository.attachment_ref(found.community_id, found.id)
        try:
            answer = await self._commands.run(actor, request, ref, decide)
        except AttachmentNotFoundError:
            await self._store().blobs.discard(blob)
            raise
        if content.data:
            await self._discard_untaken(found, blob)
        return answer

    async def _discard_untaken(self, attachment: Attachment, blob: str) -> None:
        """Where another attempt was faster; the job finds what is left when this is cut off."""
        now = await self._repository.find_attachment(attachment.community_id, attachment.id)
        if now is None or now.blob != blob:
            await self._store().blobs.discard(blob)

    async def _look_into(
        self, attachment: Attachment, member: Member, blob: str
    ) -> tuple[Content, Scan]:
        """What was put, checked and kept; nothing, where another call was faster."""
        files = self._store()
        data = await files.blobs.take_incoming(attachment.id, attachment.size)
        if data is None:
            again = await self._repository.get_own_attachment(
                attachment.community_id, attachment.id, member.person_id
            )
            if again.state is AttachmentState.UPLOADING:
                raise UploadMissingError(field="attachment_id")
            return Content(b""), Scan.UNKNOWN
        try:
            if len(data) != attachment.size:
                raise SizeMismatchError(field="attachment_id")
            if attachment.sha256 and hashlib.sha256(data).hexdigest() != attachment.sha256:
                raise ChecksumMismatchError(field="attachment_id")
            content = await files.inspector.inspect(data, attachment.kind)
        except UnavailableError:
            raise
        except DomainError:
            await files.blobs.delete_incoming(attachment.id)
            raise
        scan = await files.scan(data)  # as it was put: making it anew could hide something
        if scan is not Scan.INFECTED:
            await files.blobs.keep(blob, content.data)
        await files.blobs.delete_incoming(attachment.id)
        return content, scan

    async def find_attachments(
        self, actor: Actor, community_id: str, ids: Sequence[str]
    ) -> list[pb.Attachment]:
        """Those that the caller may read now, with addresses that are good for a minute."""
        member = Member.of(actor, community_id)
        found = await self._repository.find_attachments(
            community_id, ids, member.person_id, member.keyring
        )
        until = datetime.now(UTC) + URL_TIME
        messages = []
        for attachment in found:
            message = attachment_to_proto(attachment)
            if self._files is not None and attachment.readable:
                message.url = await self._files.blobs.download_url(attachment, until)
                message.url_expire_time.CopyFrom(timestamp_of(until))
            messages.append(message)
        return messages

    def _store(self) -> Files:
        if self._files is None:
            raise UploadsDisabledError
        return self._files


def _completed(attachment: Attachment) -> pb.CompleteUploadResponse:
    return pb.CompleteUploadResponse(attachment=attachment_to_proto(attachment))
