"""How the mails of an announcement go."""

from __future__ import annotations

from typing import Any

import strawberry

from gateway.context import Context
from gateway.loaders import Listing
from guildhall.notifications.v1 import mailings_pb2


@strawberry.type(description="How many mails wait, were sent or were not.")
class MailCounts:
    """notifications.MailCounts."""

    queued: int = strawberry.field(description="To be sent, now or later.")
    sent: int = strawberry.field(description="Taken by the mail server.")
    failed: int = strawberry.field(
        description="Given up: after a day of attempts, or refused for good."
    )
    bounced: int = strawberry.field(description="To addresses that do not exist.")
    dropped: int = strawberry.field(
        description="Not sent any more: it has ended, or there is nobody to send it to."
    )


@strawberry.type(description="The mails of one announcement.")
class Mailing:
    """notifications.Mailing."""

    mails: MailCounts = strawberry.field(description="Of when it was published.")
    reminders: MailCounts = strawberry.field(
        description="To those who had not acknowledged it two days before the deadline; of one "
        "that was moved, those of each together."
    )


async def _mailing(context: Context, announcement: Any, _arguments: Any) -> Any:
    request = mailings_pb2.GetMailingRequest(
        community_id=announcement.community_id, announcement_id=announcement.id
    )
    response = await context.call(context.services.mailings.GetMailing, request)
    return response.mailing


MAILING = Listing(_mailing)
