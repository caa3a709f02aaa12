"""Files of posts: looked for beside the dump, and put where the readers of the posts find them."""

import uuid
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from devstack.importer.batches import Batch, EncodedPost
from devstack.importer.client import Guildhall, UploadRefusedError
from devstack.importer.posts import PostFile

_NAMESPACE = uuid.UUID("6f2d3c0e-6c0b-5d5b-9a53-6c1f0a7a8e12")
# A run that broke off long ago left an address that is over, or a file that no post took.
_OVER = {"HTTP_403", "ATTACHMENT_NOT_FOUND", "REMOVED"}
_ATTEMPTS = 3


def beside(folder: Path, place: str) -> Path | None:
    """Where the file lies; None: it is not there, or not within the folder."""
    try:
        path = (folder / place.lstrip("/")).resolve()
        return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
    except (OSError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Files:
    """Puts a file of a post once, however often the post is sent."""

    guildhall: Guildhall
    community_id: str
    space_id: str
    source: str
    folder: Path
    notes: Counter[str]  # what became of them

    async def attached(self, batch: Batch) -> Batch:
        """The same posts, with what the server took of their files."""
        return replace(batch, posts=tuple([await self._with_files(post) for post in batch.posts]))

    async def _with_files(self, post: EncodedPost) -> EncodedPost:
        taken = [await self._put(post, file) for file in post.files]
        return post.attached([one for one in taken if one])

    async def _put(self, post: EncodedPost, file: PostFile) -> str:
        """The attachment's id; empty: the server does not take it, and the text names it."""
        path = beside(self.folder, file.place)
        if path is None:
            self.notes["files not taken (gone)"] += 1
            return ""
        why = ""
        for attempt in range(_ATTEMPTS):
            one = f"{self.space_id}\n{self.source}\n{post.external_id}\n{file.place}\n{attempt}"
            request_id = str(uuid.uuid5(_NAMESPACE, one))
            try:
                id_ = await self.guildhall.upload(self.community_id, request_id, file.name, path)
            except UploadRefusedError as refusal:
                why = str(refusal)
                if why not in _OVER:
                    break
            else:
                self.notes["files attached"] += 1
                return id_
        self.notes[f"files not taken ({why})"] += 1
        return ""
