"""Refusals in GraphQL: what the extensions of every error are, and the codes they may have."""

from __future__ import annotations

from enum import Enum
from typing import Any

import strawberry


def _code(code: str, description: str) -> Any:
    return strawberry.enum_value(code, description=description)


@strawberry.enum(description="Why something was refused: extensions.code of every error.")
class RefusalCode(Enum):
    """Of the services, as chassis.errors makes them of class names, and the gateway's own."""

    GRAPHQL_PARSE_FAILED = _code("GRAPHQL_PARSE_FAILED", "The document is no GraphQL.")
    GRAPHQL_VALIDATION_FAILED = _code(
        "GRAPHQL_VALIDATION_FAILED", "The document does not fit the schema."
    )
    BAD_USER_INPUT = _code(
        "BAD_USER_INPUT", "An argument is not what its description asks for; field names it."
    )
    BAD_REQUEST = _code("BAD_REQUEST", "The HTTP request is not one that GraphQL over HTTP knows.")
    METHOD_NOT_ALLOWED = _code(
        "METHOD_NOT_ALLOWED", "A query comes by POST or GET, a mutation by POST only."
    )
    UNSUPPORTED_MEDIA_TYPE = _code(
        "UNSUPPORTED_MEDIA_TYPE", "The body is not JSON in UTF-8, or it is compressed."
    )
    REQUEST_TOO_LARGE = _code("REQUEST_TOO_LARGE", "The body is longer than a request may be.")
    LIMIT_EXCEEDED = _code(
        "LIMIT_EXCEEDED",
        "The operation or its answer exceeds a limit; limit, maximum and actual tell.",
    )
    RPC_BUDGET_EXCEEDED = _code(
        "RPC_BUDGET_EXCEEDED",
        "The operation needs more calls of services than a request may make; limit, maximum and "
        "actual tell.",
    )
    OPERATION_TIMEOUT = _code(
        "OPERATION_TIMEOUT",
        "The operation took too long, and may have happened: repeat it as it was.",
    )
    RESUME_NOT_POSSIBLE = _code(
        "RESUME_NOT_POSSIBLE",
        "What a subscription has missed is not known any more: read anew, subscribe.",
    )
    TOO_BUSY = _code(
        "TOO_BUSY", "Too much at once, of everybody or of this person: wait retryAfter seconds."
    )
    RATE_LIMITED = _code(
        "RATE_LIMITED", "One has spent what one may for now: wait retryAfter seconds."
    )
    OVERLOADED = _code(
        "OVERLOADED", "So many are asking that only cheaper operations are begun: try again later."
    )
    CSRF_REFUSED = _code("CSRF_REFUSED", "A browser sent it on behalf of another site.")
    INTROSPECTION_REFUSED = _code("INTROSPECTION_REFUSED", "Here the schema is not told.")
    PERSISTED_QUERY_NOT_SUPPORTED = _code(
        "PERSISTED_QUERY_NOT_SUPPORTED",
        "Documents are not remembered by their hash: send the text.",
    )
    DOCUMENT_NOT_FOUND = _code("DOCUMENT_NOT_FOUND", "The portal has registered no such document.")
    DOCUMENT_NOT_TRUSTED = _code(
        "DOCUMENT_NOT_TRUSTED", "The portal takes registered documents only."
    )
    DOCUMENT_REFUSED = _code(
        "DOCUMENT_REFUSED", "A document cannot be registered; the message tells why."
    )
    TOO_MANY_DOCUMENTS = _code("TOO_MANY_DOCUMENTS", "A portal has its most documents.")
    WEBHOOK_NOT_FOUND = _code(
        "WEBHOOK_NOT_FOUND", "There is no such webhook, or it is none of one's own."
    )
    WEBHOOK_DELIVERY_NOT_FOUND = _code(
        "WEBHOOK_DELIVERY_NOT_FOUND", "The webhook has no such delivery, or not any more."
    )
    WEBHOOK_DISABLED = _code("WEBHOOK_DISABLED", "Nothing is sent to a webhook that is disabled.")
    WEBHOOKS_NOT_OFFERED = _code(
        "WEBHOOKS_NOT_OFFERED", "This platform has no key to sign webhooks with."
    )
    TOO_MANY_WEBHOOKS = _code("TOO_MANY_WEBHOOKS", "A community has its most webhooks.")
    PORTAL_NOT_FOUND = _code(
        "PORTAL_NOT_FOUND", "There is no such portal, or it is none of one's own."
    )
    PORTAL_CLIENT_TAKEN = _code(
        "PORTAL_CLIENT_TAKEN", "Another portal is known by this client of this issuer."
    )
    PORTAL_ORIGIN_TAKEN = _code("PORTAL_ORIGIN_TAKEN", "Another portal is known by this origin.")
    INTERNAL = _code(
        "INTERNAL", "Something failed that nobody expected; traceId finds it in the logs."
    )
    UNAUTHENTICATED = _code("UNAUTHENTICATED", "Nobody is signed in, or the token is not believed.")
    UNAVAILABLE = _code(
        "UNAVAILABLE",
        "A part of the platform does not answer; nothing was changed. Try again later.",
    )
    OUTCOME_UNKNOWN = _code(
        "OUTCOME_UNKNOWN", "Nobody knows whether it was done: repeat it with the same requestId."
    )
    REQUEST_ID_INVALID = _code(
        "REQUEST_ID_INVALID", "requestId is not 8 to 128 visible ASCII characters."
    )
    REQUEST_ID_REUSED = _code("REQUEST_ID_REUSED", "requestId was used before, for another input.")
    AUTHOR_CANNOT_READ = _code(
        "AUTHOR_CANNOT_READ",
        "Who wrote it could not read it there any more; evenIfAuthorCannotRead does.",
    )
    OTHERS_COULD_READ = _code(
        "OTHERS_COULD_READ",
        "Some could read it there who cannot read it now; evenIfOthersCouldRead does.",
    )
    VERSION_STALE = _code(
        "VERSION_STALE", "It has changed since expectedVersion: read it again, decide again."
    )
    ROLE_REQUIRED = _code("ROLE_REQUIRED", "One may see it, but lacks the role for this.")
    REASON_REQUIRED = _code("REASON_REQUIRED", "This needs a reason.")
    TEXT_INVALID = _code(
        "TEXT_INVALID", "A text is empty, too long, or holds characters that no text may hold."
    )
    FIELD_INVALID = _code("FIELD_INVALID", "A value is none of the allowed ones.")
    COMMUNITY_NOT_FOUND = _code(
        "COMMUNITY_NOT_FOUND", "There is no such community, or one is not in it."
    )
    PERSON_NOT_FOUND = _code(
        "PERSON_NOT_FOUND", "There is no such person, or one may not know that there is."
    )
    PERSON_DEACTIVATED = _code("PERSON_DEACTIVATED", "The person can no longer act.")
    PERSON_ACTIVE = _code("PERSON_ACTIVE", "The person is not deactivated.")
    IDENTITY_TAKEN = _code("IDENTITY_TAKEN", "The identity belongs to a person already.")
    IDENTITY_UNLINKED = _code(
        "IDENTITY_UNLINKED", "An operator took the identity from its person, and must link it anew."
    )
    IDENTITY_NOT_FOUND = _code("IDENTITY_NOT_FOUND", "The person has no such identity.")
    COMPANY_NOT_FOUND = _code(
        "COMPANY_NOT_FOUND", "There is no such company, or one may not know that there is."
    )
    COMPANY_NAME_TAKEN = _code(
        "COMPANY_NAME_TAKEN", "Another company has this name, or one that reads the same."
    )
    COMPANY_NOT_ENROLLED = _code(
        "COMPANY_NOT_ENROLLED", "The person's company is not in this community now."
    )
    ISSUER_TAKEN = _code("ISSUER_TAKEN", "Another company owns this issuer.")
    NOT_A_VENDOR = _code("NOT_A_VENDOR", "Only a vendor has communities.")
    COMMUNITY_SLUG_TAKEN = _code("COMMUNITY_SLUG_TAKEN", "Another community has this slug.")
    ENROLMENT_NOT_FOUND = _code(
        "ENROLMENT_NOT_FOUND", "There is no such enrolment in this community."
    )
    ALREADY_ENROLLED = _code("ALREADY_ENROLLED", "The company is in this community.")
    ALREADY_AFFILIATED = _code("ALREADY_AFFILIATED", "The person works for this company now.")
    MEMBER_NOT_FOUND = _code("MEMBER_NOT_FOUND", "There is no such member, now or formerly.")
    MEMBER_FORMER = _code("MEMBER_FORMER", "The membership has ended.")
    ALREADY_MEMBER = _code("ALREADY_MEMBER", "The person is a member of this community.")
    ROLE_NOT_GRANTABLE = _code("ROLE_NOT_GRANTABLE", "Only people of the vendor can be MANAGER.")
    LAST_MANAGER = _code("LAST_MANAGER", "Without this member nobody would manage the community.")
    GROUP_NOT_FOUND = _code("GROUP_NOT_FOUND", "There is no such group, or one cannot see it.")
    GROUP_NAME_TAKEN = _code("GROUP_NAME_TAKEN", "Another group of the community has this name.")
    GROUP_RULE_INVALID = _code(
        "GROUP_RULE_INVALID", "A group that is joined by rule needs one, and no other has one."
    )
    GROUP_ARCHIVED = _code("GROUP_ARCHIVED", "The group has ended.")
    GROUP_NOT_OPEN = _code("GROUP_NOT_OPEN", "One cannot join this group by oneself.")
    GROUP_MEMBER_NOT_FOUND = _code("GROUP_MEMBER_NOT_FOUND", "The person is not in the group.")
    GROUP_MEMBER_BY_RULE = _code(
        "GROUP_MEMBER_BY_RULE", "The group's rule takes the person in: they can only be excluded."
    )
    GROUP_MEMBER_STATE_INVALID = _code(
        "GROUP_MEMBER_STATE_INVALID", "How the person stands to the group does not allow it."
    )
    ALREADY_GROUP_MEMBER = _code("ALREADY_GROUP_MEMBER", "The person is in the group.")
    GROUP_INVITATION_NOT_FOUND = _code(
        "GROUP_INVITATION_NOT_FOUND", "There is no invitation, or it has expired."
    )
    GROUP_REQUEST_NOT_FOUND = _code(
        "GROUP_REQUEST_NOT_FOUND", "The person has not asked to come in."
    )
    GROUP_MEMBER_SUSPENDED = _code(
        "GROUP_MEMBER_SUSPENDED", "The person's membership of the group is suspended."
    )
    GROUP_MEMBER_EXCLUDED = _code("GROUP_MEMBER_EXCLUDED", "The person is excluded from the group.")
    LAST_OWNER = _code("LAST_OWNER", "Without this member nobody would own the group.")
    TOO_MANY_GROUPS = _code(
        "TOO_MANY_GROUPS", "The community has, or the person is in, as many as there may be."
    )
    SPACE_NOT_FOUND = _code("SPACE_NOT_FOUND", "There is no such space, or one cannot read it.")
    CHANNEL_NOT_FOUND = _code("CHANNEL_NOT_FOUND", "There is no channel that one can read.")
    CHANNEL_SLUG_TAKEN = _code("CHANNEL_SLUG_TAKEN", "Another channel of the community has it.")
    ANNOUNCEMENT_NOT_FOUND = _code("ANNOUNCEMENT_NOT_FOUND", "There is none that one can see.")
    ANNOUNCEMENT_STATE_INVALID = _code(
        "ANNOUNCEMENT_STATE_INVALID", "The announcement's state does not allow it."
    )
    AUDIENCE_EMPTY = _code("AUDIENCE_EMPTY", "Nobody reads the channel and fits the audience rule.")
    TRANSLATION_NOT_FOUND = _code("TRANSLATION_NOT_FOUND", "There is no text in this language.")
    ACKNOWLEDGEMENT_NOT_REQUIRED = _code(
        "ACKNOWLEDGEMENT_NOT_REQUIRED", "The announcement asks for no acknowledgement."
    )
    ADDRESS_NOT_FOUND = _code("ADDRESS_NOT_FOUND", "There is none of one's own.")
    FEED_ADDRESSES_FULL = _code("FEED_ADDRESSES_FULL", "One has as many as one may: revoke one.")
    SPACE_SLUG_TAKEN = _code("SPACE_SLUG_TAKEN", "Another space of the community has this slug.")
    TOPIC_NOT_FOUND = _code("TOPIC_NOT_FOUND", "There is no such topic, or one cannot see it.")
    TOPIC_STATE_INVALID = _code(
        "TOPIC_STATE_INVALID", "In its state this cannot be done with the topic."
    )
    REPLY_NOT_FOUND = _code("REPLY_NOT_FOUND", "There is no such reply, or one cannot see it.")
    REPLY_STATE_INVALID = _code(
        "REPLY_STATE_INVALID", "In its state this cannot be done with the reply."
    )
    PARENT_INVALID = _code(
        "PARENT_INVALID",
        "One replies to a topic, or to a published reply in it that has no parent.",
    )
    VOTE_NOT_ALLOWED = _code(
        "VOTE_NOT_ALLOWED", "Topics of this kind take no votes, or this space takes none against."
    )
    VOTE_LIMIT_REACHED = _code(
        "VOTE_LIMIT_REACHED",
        "So many votes a day, so many for one author: wait retryAfter seconds.",
    )
    VOTED_AT_ONCE = _code(
        "VOTED_AT_ONCE", "One voted in several places at the same moment: try again."
    )
    REACTION_LIMIT_REACHED = _code(
        "REACTION_LIMIT_REACHED", "So many reactions a day: wait retryAfter seconds."
    )
    REACTED_AT_ONCE = _code(
        "REACTED_AT_ONCE", "One reacted in several places at the same moment: try again."
    )
    KIND_NOT_ALLOWED = _code("KIND_NOT_ALLOWED", "The space takes no topics of this kind.")
    POSTING_NOT_ALLOWED = _code(
        "POSTING_NOT_ALLOWED", "The space takes posts of others: its settings say whose."
    )
    EDIT_WINDOW_OVER = _code("EDIT_WINDOW_OVER", "The author may not change this text any more.")
    NOT_AN_IDEA = _code("NOT_AN_IDEA", "Only ideas have a status by the vendor.")
    NOT_AN_ARTICLE = _code("NOT_AN_ARTICLE", "Only articles have an owner and are reviewed.")
    OWNER_INVALID = _code(
        "OWNER_INVALID", "An article's owner must be a member who can read the space."
    )
    AS_COMPANY_NOT_ALLOWED = _code("AS_COMPANY_NOT_ALLOWED", "Newcomers speak for themselves only.")
    DRAFT_NOT_FOUND = _code("DRAFT_NOT_FOUND", "One has no draft there.")
    TOO_MANY_DRAFTS = _code("TOO_MANY_DRAFTS", "One has a hundred drafts: post or delete one.")
    REVISION_NOT_FOUND = _code(
        "REVISION_NOT_FOUND", "The post had no such edition that one can read."
    )
    MENTIONS_TOO_MANY = _code(
        "MENTIONS_TOO_MANY", "A post speaks to so many people at most, by trust level."
    )
    QUOTE_INVALID = _code(
        "QUOTE_INVALID", "One quotes the very words of posts that one can read; 10 at most."
    )
    QUOTE_TOO_NARROW = _code(
        "QUOTE_TOO_NARROW", "Not everybody who would read the quote can read what it is from."
    )
    NOT_A_QUESTION = _code("NOT_A_QUESTION", "Only questions have an accepted answer.")
    NOTHING_ACCEPTED = _code("NOTHING_ACCEPTED", "The question has no accepted answer.")
    TOO_MANY_ACCEPTED = _code(
        "TOO_MANY_ACCEPTED",
        "10 replies answer the question already, or several where the other space takes one.",
    )
    CAPABILITIES_INVALID = _code(
        "CAPABILITIES_INVALID", "At most 20 capabilities, each spelled as a tag may be."
    )
    TAGS_INVALID = _code(
        "TAGS_INVALID",
        "At most 5 tags, each 1 to 35 letters of one script, digits, +, #, . and -, and none "
        "that only looks like another.",
    )
    UPLOADS_DISABLED = _code("UPLOADS_DISABLED", "This platform keeps no files.")
    TYPE_NOT_ALLOWED = _code("TYPE_NOT_ALLOWED", "Files of this kind cannot be attached.")
    TYPE_MISMATCH = _code("TYPE_MISMATCH", "Name, declared type and content are not of one kind.")
    FILE_TOO_LARGE = _code("FILE_TOO_LARGE", "A file has 1 byte to 10 MB.")
    FILE_UNSAFE = _code("FILE_UNSAFE", "It unfolds without measure, is damaged, or is locked.")
    CHECKSUM_INVALID = _code("CHECKSUM_INVALID", "A SHA-256 is 64 hexadecimal digits.")
    CHECKSUM_MISMATCH = _code("CHECKSUM_MISMATCH", "What was put has another SHA-256.")
    SIZE_MISMATCH = _code("SIZE_MISMATCH", "What was put has another size.")
    UPLOAD_MISSING = _code("UPLOAD_MISSING", "Nothing was put, or it was refused and deleted.")
    UPLOAD_LIMIT_REACHED = _code("UPLOAD_LIMIT_REACHED", "As much as one may put in 24 hours.")
    ATTACHMENT_NOT_FOUND = _code(
        "ATTACHMENT_NOT_FOUND", "There is no such attachment, or it is another's."
    )
    ATTACHMENT_STATE_INVALID = _code(
        "ATTACHMENT_STATE_INVALID", "In its state this cannot be done with the attachment."
    )
    ATTACHMENTS_TOO_MANY = _code("ATTACHMENTS_TOO_MANY", "A post has 10 at most, each once.")
    AUTOMATION_NOT_FOUND = _code(
        "AUTOMATION_NOT_FOUND", "There is no such automation in the community."
    )
    TOO_MANY_AUTOMATIONS = _code("TOO_MANY_AUTOMATIONS", "The community has its most automations.")
    SEEDING_NOT_FOUND = _code("SEEDING_NOT_FOUND", "There is no such seeding that one may see.")
    SEEDING_ITEM_NOT_FOUND = _code(
        "SEEDING_ITEM_NOT_FOUND", "There is no such item that one may post."
    )
    SEEDING_ALREADY_ACTIVE = _code("SEEDING_ALREADY_ACTIVE", "The space is being seeded.")
    SEEDING_ENDED = _code("SEEDING_ENDED", "Nothing is seeded there any more.")
    SEEDING_ITEM_POSTED = _code("SEEDING_ITEM_POSTED", "The item was posted, or is to be skipped.")
    SEEDING_OWNER_INVALID = _code(
        "SEEDING_OWNER_INVALID", "An owner must be a member who can read the space."
    )
    TOO_MANY_SEEDING_ITEMS = _code("TOO_MANY_SEEDING_ITEMS", "The seeding has its most items.")
    CONTENT_BLOCKED = _code(
        "CONTENT_BLOCKED", "A rule of the community forbids this text; the message is the rule's."
    )
    MENTION_LIMIT_REACHED = _code(
        "MENTION_LIMIT_REACHED", "So many people mentioned a day: wait retryAfter seconds."
    )
    POSTING_TOO_FAST = _code("POSTING_TOO_FAST", "One posts too fast: wait retryAfter seconds.")
    ASK_NOT_FOUND = _code("ASK_NOT_FOUND", "One is not asked about this question.")
    ASK_NOT_POSSIBLE = _code(
        "ASK_NOT_POSSIBLE",
        "The person does not want to be asked or was asked often enough, or it is their question.",
    )
    INVITING_NOT_ALLOWED = _code(
        "INVITING_NOT_ALLOWED", "It takes the trust level MEMBER, or to be a moderator."
    )
    INVITE_LIMIT_REACHED = _code(
        "INVITE_LIMIT_REACHED", "10 invitations in 24 hours: wait retryAfter seconds."
    )
    QUESTION_NOT_FOUND = _code(
        "QUESTION_NOT_FOUND",
        "An imported answer's question is neither there nor before it in the call.",
    )
    FOLLOW_LEVEL_INVALID = _code(
        "FOLLOW_LEVEL_INVALID", "The level is none, or none of what is followed."
    )
    TOO_MANY_FOLLOWS = _code(
        "TOO_MANY_FOLLOWS", "One follows the most that one may in the community."
    )
    TOO_MANY_BOOKMARKS = _code(
        "TOO_MANY_BOOKMARKS", "One keeps the most posts that one may in the community."
    )
    CASE_NOT_FOUND = _code("CASE_NOT_FOUND", "There is no such case in the community.")
    POST_FLAGGED = _code("POST_FLAGGED", "One has flagged the post, and nobody has decided yet.")
    POST_FLAGGED_LATELY = _code(
        "POST_FLAGGED_LATELY",
        "Somebody has just decided on one's flag of the post: wait retryAfter seconds.",
    )
    FLAG_LIMIT_REACHED = _code(
        "FLAG_LIMIT_REACHED", "So many flags a day: wait retryAfter seconds."
    )
    FLAGGED_AT_ONCE = _code(
        "FLAGGED_AT_ONCE", "One flagged in several places at the same moment: try again."
    )
    CASE_DECIDED = _code("CASE_DECIDED", "There is nothing left to decide.")
    POLL_NOT_FOUND = _code("POLL_NOT_FOUND", "The topic has no poll that one can see.")
    POLL_EXISTS = _code("POLL_EXISTS", "The topic has a poll already.")
    POLL_NOT_ALLOWED = _code(
        "POLL_NOT_ALLOWED", "One's posts there wait for a review, and polls do not wait."
    )
    POLL_CLOSED = _code("POLL_CLOSED", "The poll is closed.")
    POLL_RESULTS_HIDDEN = _code(
        "POLL_RESULTS_HIDDEN", "The poll is anonymous, or does not show its results yet."
    )
    POST_NOT_FOUND = _code(
        "POST_NOT_FOUND", "There is no such topic or reply, or one cannot see it."
    )
    OWN_POST = _code(
        "OWN_POST",
        "Nobody decides on their own post, votes for it, reacts to it, flags it or is told who "
        "flagged it.",
    )
    RULE_NOT_FOUND = _code("RULE_NOT_FOUND", "There is no such rule in the community.")
    PATTERN_INVALID = _code(
        "PATTERN_INVALID", "The pattern cannot be matched, or it matches what is not there."
    )
    TOO_MANY_RULES = _code("TOO_MANY_RULES", "The community has its most rules.")
    TOO_MANY_SYNONYMS = _code(
        "TOO_MANY_SYNONYMS", "More sets or phrases than a community may have."
    )
    SEARCH_UNAVAILABLE = _code("SEARCH_UNAVAILABLE", "The search does not answer: try again later.")
    DEAD_LETTER_NOT_FOUND = _code(
        "DEAD_LETTER_NOT_FOUND", "There is no such dead letter, or not any more."
    )
    DEAD_LETTER_NOT_OLDEST = _code(
        "DEAD_LETTER_NOT_OLDEST", "An older one about the same thing comes first."
    )
    CONSUMER_NOT_FOUND = _code("CONSUMER_NOT_FOUND", "The service has no such consumer.")
    REBUILD_RUNNING = _code("REBUILD_RUNNING", "A rebuild is under way.")
    NOTHING_TO_REBUILD = _code("NOTHING_TO_REBUILD", "The service has no projections.")
