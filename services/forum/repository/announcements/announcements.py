"""The collection of announcements: behind their channels' walls and their own rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo import DeleteOne, InsertOne

from chassis.decisions import Aggregates, Document, PartRef, Parts, Write
from chassis.locales import lookup
from chassis.mongo import Index
from chassis.pagination import Paging
from services.forum.domain.announcements.announcement import (
    Announcement,
    AnnouncementNotFoundError,
    AnnouncementState,
    AudienceState,
    Correction,
    Severity,
    Translation,
    translation_id,
)
from services.forum.domain.announcements.audiences import Reader
from services.forum.domain.announcements.channels import ChannelNotFoundError, channel_key
from services.forum.domain.announcements.copies import FINDABLE, Copy, is_shown, was_shown
from services.forum.domain.announcements.receipts import Receipt
from services.forum.repository.announcements.documents import (
    dump_announcement,
    dump_correction,
    dump_translation,
    load_announcement,
    load_correction,
    load_translation,
)
from services.forum.repository.announcements.finding import rule
from services.forum.repository.announcements.unread import NEWEST, Current, UnreadCollection
from services.forum.repository.documents import read_page
from services.forum.repository.feed.anywhere import shown_page

_LAST_CORRECTED = [("time", -1), ("_id", -1)]

INDEXES: Sequence[Index] = (
    # The last fields only answer filters from the index itself.
    Index(
        "announcements",
        [("community_id", 1), ("read_keys", 1), *NEWEST, ("state", 1), ("channel_id", 1)],
        "announcement_page",
    ),
    # Jobs ask for what is due in all communities.
    Index("announcements", [("wake_time", 1), ("_id", 1)], "announcement_wake", sparse=True),
    Index(
        "announcements",
        [("visible_wake_time", 1), ("_id", 1)],
        "announcement_visible_wake",
        sparse=True,
    ),
    Index(
        "announcements",
        [("list_time", 1), ("_id", 1)],
        "announcement_freezing",
        partial={"audience_state": "FREEZING"},
    ),
    Index(
        "announcement_corrections",
        [("community_id", 1), ("announcement_id", 1), *_LAST_CORRECTED],
        "correction_page",
    ),
)


@dataclass(frozen=True, slots=True)
class AnnouncementFilter:
    """What a list of announcements is narrowed to."""

    channel_id: str = ""
    states: frozenset[AnnouncementState] = frozenset({AnnouncementState.PUBLISHED})
    severity: Severity | None = None
    followed: bool = False
    open_must_reads: bool = False


class AnnouncementCollection(UnreadCollection):
    """Reads of announcements."""

    async def find_announcement(
        self, community_id: str, announcement_id: str
    ) -> Announcement | None:
        """For services and jobs, which stand behind no wall."""
        query = {"community_id": community_id, "_id": announcement_id, "deleted": {"$ne": True}}
        document = await self._database.announcements.find_one(query)
        return load_announcement(document) if document else None

    async def get_announcement(self, reader: Reader, announcement_id: str) -> Announcement:
        """Refuses with ANNOUNCEMENT_NOT_FOUND."""
        found = await self.find_announcements(reader, [announcement_id])
        if not found:
            raise AnnouncementNotFoundError
        return found[0]

    async def list_announcements(
        self, reader: Reader, wanted: AnnouncementFilter, paging: Paging, now: datetime
    ) -> list[Announcement]:
        """What the page needs, newest first; a place is (list_time, id).

        Refuses with CHANNEL_NOT_FOUND where one channel is asked for and not readable.
        """
        community_id, keyring = reader.community_id, reader.keyring
        if not wanted.channel_id:
            ids = await self.channel_walls.opened(community_id, keyring)
        elif await self.channel_walls.opens(community_id, wanted.channel_id, keyring):
            ids = [wanted.channel_id]
        else:
            raise ChannelNotFoundError(field="channel_id")
        if wanted.followed:
            followed = await self.find_followed_ids([reader.community_id], reader.person_id)
            ids = [id_ for id_ in ids if id_ in followed]
        if wanted.open_must_reads:
            return await self._list_open(reader, ids, wanted, paging, now)
        query: Document = {
            "community_id": reader.community_id,
            "channel_id": {"$in": ids},
            "state": {"$in": sorted(wanted.states)},
            **rule(reader.keys),
        }
        if wanted.severity is not None:
            query["severity"] = wanted.severity.value
        keys = [*reader.keys, *map(channel_key, ids)]
        rows = await read_page(
            self._database.announcements,
            query,
            ("read_keys", keys),
            NEWEST,
            paging,
            "announcement_page",
        )
        return [load_announcement(row) for row in rows]

    async def _list_open(
        self,
        reader: Reader,
        channel_ids: Sequence[str],
        wanted: AnnouncementFilter,
        paging: Paging,
        now: datetime,
    ) -> list[Announcement]:
        """Must-reads of these channels that the reader has still to read, as a plain one."""
        severities = (None, Severity.MUST_READ)
        if AnnouncementState.PUBLISHED not in wanted.states or wanted.severity not in severities:
            return []
        community_id = reader.community_id
        current = Current(
            {community_id: reader.keyring}, {community_id: channel_ids}, now, Severity.MUST_READ
        )

        async def show(rows: Sequence[Document]) -> list[Announcement]:
            return [one for one, _ in await self._not_done(rows, reader.person_id, now)]

        return await shown_page(
            paging,
            lambda step: self._current_page(current, step),
            show,
            lambda last: (last["list_time"], last["_id"]),
        )

    async def copies(
        self,
        reader: Reader,
        announcements: Sequence[Announcement],
        locales: Sequence[str],
        now: datetime,
    ) -> list[Copy]:
        """As this reader gets them, in their order; what is not shown to them yet is left out."""
        return await self.copies_anywhere(
            {reader.community_id: reader}, announcements, locales, now
        )

    async def copies_anywhere(
        self,
        readers: Mapping[str, Reader],
        announcements: Sequence[Announcement],
        locales: Sequence[str],
        now: datetime,
    ) -> list[Copy]:
        """The same of several communities: `readers` are the person in each of them."""
        person_ids = [one.person_id for one in readers.values()]
        receipts = await self.find_receipts(person_ids[0], announcements) if person_ids else {}
        asked = [(readers[one.community_id], one, receipts.get(one.id)) for one in announcements]
        return [copy for copy in await self._copies(asked, locales, now) if copy is not None]

    async def copies_for(
        self, readers: Sequence[Reader], announcement_id: str, now: datetime
    ) -> dict[str, Copy]:
        """As each of several people gets one announcement, by person id; who does not is left out.

        The queries are as many as for one of them.
        """
        found = await self.find_for([(reader, frozenset((announcement_id,))) for reader in readers])
        pairs = [(reader, one) for reader, some in zip(readers, found, strict=True) for one in some]
        if not pairs:
            return {}
        receipts = await self.receipts_for([(reader.person_id, (one,)) for reader, one in pairs])
        asked = [
            (reader, one, own.get(one.id))
            for (reader, one), own in zip(pairs, receipts, strict=True)
        ]
        copies = await self._copies(asked, (), now)
        return {
            reader.person_id: copy
            for (reader, _), copy in zip(pairs, copies, strict=True)
            if copy is not None
        }

    async def _copies(
        self,
        asked: Sequence[tuple[Reader, Announcement, Receipt | None]],
        locales: Sequence[str],
        now: datetime,
    ) -> list[Copy | None]:
        """What the wall lets through as each reader gets it; None: not shown to them yet."""
        texts = {
            number: lookup([*locales, *reader.locales], one.locales) or one.source_locale
            for number, (reader, one, receipt) in enumerate(asked)
            if reader.manager or is_shown(one, receipt, now)
        }
        translations = await self._find_translations(
            (asked[number][1], locale) for number, locale in texts.items()
        )
        return [
            Copy(
                one,
                receipt,
                translations.get((one.id, texts[number])),
                for_manager=reader.manager,
            )
            if number in texts
            else None
            for number, (reader, one, receipt) in enumerate(asked)
        ]

    async def find_former(
        self, reader: Reader, announcements: Sequence[Announcement]
    ) -> list[Announcement]:
        """Those that were shown to this reader until they were withdrawn, and are no more."""
        gone = [one for one in announcements if was_shown(one, None)]
        receipts = await self.find_receipts(reader.person_id, gone)
        return [one for one in gone if was_shown(one, receipts.get(one.id))]

    async def _find_translations(
        self, wanted: Iterable[tuple[Announcement, str]]
    ) -> Mapping[tuple[str, str], Translation]:
        """By announcement and language, without those that are the source's."""
        places = {
            translation_id(one.id, locale): one.community_id
            for one, locale in wanted
            if locale != one.source_locale
        }
        if not places:
            return {}
        query = {
            "community_id": {"$in": sorted(set(places.values()))},
            "_id": {"$in": list(places)},
        }
        rows = await self._database.announcement_translations.find(query).to_list()
        return {(row["announcement_id"], row["locale"]): load_translation(row) for row in rows}

    async def find_findable(
        self, community_id: str, ids: Iterable[str]
    ) -> list[tuple[Announcement, list[Translation]]]:
        """For search, which stands behind no wall: those that readers find, in all languages."""
        query = {
            "community_id": community_id,
            "_id": {"$in": list(ids)},
            "state": {"$in": sorted(FINDABLE)},
        }
        rows = await self._database.announcements.find(query).hint("_id_").to_list()
        found = [load_announcement(row) for row in rows]
        places = [translation_id(one.id, locale) for one in found for locale in one.translated]
        texts: dict[str, list[Translation]] = {one.id: [] for one in found}
        query = {"community_id": community_id, "_id": {"$in": places}}
        async for row in self._database.announcement_translations.find(query).sort("_id", 1):
            texts[row["announcement_id"]].append(load_translation(row))
        return [(one, texts[one.id]) for one in found]

    # -- what jobs look for

    async def find_due(self, now: datetime, limit: int) -> list[Announcement]:
        """Those whose state is to change by itself, those that wait longest first."""
        cursor = self._database.announcements.find({"wake_time": {"$lte": now}})
        cursor = cursor.sort([("wake_time", 1), ("_id", 1)]).limit(limit)
        return [load_announcement(row) async for row in cursor.hint("announcement_wake")]

    async def find_becoming_visible(self, now: datetime, limit: int) -> list[Announcement]:
        """Those whose hour has come somewhere, which nobody was told."""
        cursor = self._database.announcements.find({"visible_wake_time": {"$lte": now}})
        cursor = cursor.sort([("visible_wake_time", 1), ("_id", 1)]).limit(limit)
        return [load_announcement(row) async for row in cursor.hint("announcement_visible_wake")]

    async def find_freezing(self, limit: int) -> list[Announcement]:
        """Those whose list of people is to be written."""
        query = {"audience_state": AudienceState.FREEZING.value}
        cursor = self._database.announcements.find(query).sort([("list_time", 1), ("_id", 1)])
        return [load_announcement(row) async for row in cursor.limit(limit)]

    # -- translations and corrections

    @staticmethod
    def translation_ref(announcement: Announcement, locale: str) -> PartRef[Translation]:
        """The text in one language."""
        place = translation_id(announcement.id, locale)
        return TRANSLATIONS.ref(announcement.community_id, place)

    @staticmethod
    def without_translation(announcement: Announcement, locale: str) -> Write:
        """To be stored with an announcement that has this language no more."""
        place = {
            "_id": translation_id(announcement.id, locale),
            "community_id": announcement.community_id,
        }
        return Write("announcement_translations", DeleteOne(place))

    @staticmethod
    def new_correction(correction: Correction) -> Write:
        """To be stored with the change."""
        return Write("announcement_corrections", InsertOne(dump_correction(correction)))

    async def list_corrections(
        self, announcement: Announcement, paging: Paging
    ) -> list[Correction]:
        """What the page needs of an announcement one can see, newest first; (time, id)."""
        query: Document = {
            "community_id": announcement.community_id,
            "announcement_id": announcement.id,
            **paging.beyond(_LAST_CORRECTED),
        }
        cursor = self._database.announcement_corrections.find(query)
        cursor = cursor.sort(paging.sort(_LAST_CORRECTED)).limit(paging.limit)
        return [load_correction(row) async for row in cursor]


ANNOUNCEMENTS: Aggregates[Announcement] = Aggregates(
    "announcement", "announcements", load_announcement, dump_announcement
)
TRANSLATIONS: Parts[Translation] = Parts(
    "announcement_translations", load_translation, dump_translation
)
