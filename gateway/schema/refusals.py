"""Refusals in GraphQL: what the extensions of every error are, and the codes they may have."""

from __future__ import annotations

from enum import Enum

import strawberry


@strawberry.enum(description="Why something was refused: extensions.code of every error.")
class RefusalCode(Enum):
    """Of the services, as chassis.errors makes them of class names, and the gateway's own."""

    GRAPHQL_PARSE_FAILED = strawberry.enum_value(
        "GRAPHQL_PARSE_FAILED", description="The document is no GraphQL."
    )
    GRAPHQL_VALIDATION_FAILED = strawberry.enum_value(
        "GRAPHQL_VALIDATION_FAILED", description="The document does not fit the schema."
    )
    BAD_USER_INPUT = strawberry.enum_value(
        "BAD_USER_INPUT",
        description="An argument is not what its description asks for; field names it.",
    )
    BAD_REQUEST = strawberry.enum_value(
        "BAD_REQUEST", description="The HTTP request is not one that GraphQL over HTTP knows."
    )
    METHOD_NOT_ALLOWED = strawberry.enum_value(
        "METHOD_NOT_ALLOWED", description="A query comes by POST or GET, a mutation by POST only."
    )
    UNSUPPORTED_MEDIA_TYPE = strawberry.enum_value(
        "UNSUPPORTED_MEDIA_TYPE", description="The body is not JSON in UTF-8, or it is compressed."
    )
    REQUEST_TOO_LARGE = strawberry.enum_value(
        "REQUEST_TOO_LARGE", description="The body is longer than a request may be."
    )
    LIMIT_EXCEEDED = strawberry.enum_value(
        "LIMIT_EXCEEDED",
        description="The operation or its answer exceeds a limit; limit, maximum and actual tell.",
    )
    RPC_BUDGET_EXCEEDED = strawberry.enum_value(
        "RPC_BUDGET_EXCEEDED",
        description="The operation needs more calls of services than a request may make.",
    )
    OPERATION_TIMEOUT = strawberry.enum_value(
        "OPERATION_TIMEOUT",
        description="The operation took too long, and may have happened: repeat it as it was.",
    )
    RESUME_NOT_POSSIBLE = strawberry.enum_value(
        "RESUME_NOT_POSSIBLE",
        description="What a subscription has missed is not known any more: read anew, subscribe.",
    )
    TOO_BUSY = strawberry.enum_value(
        "TOO_BUSY",
        description="Too much at once, of everybody or of this person: wait retryAfter seconds.",
    )
    RATE_LIMITED = strawberry.enum_value(
        "RATE_LIMITED", description="One has spent what one may for now: wait retryAfter seconds."
    )
    OVERLOADED = strawberry.enum_value(
        "OVERLOADED",
        description="So many are asking that only cheaper operations are begun: try again later.",
    )
    CSRF_REFUSED = strawberry.enum_value(
        "CSRF_REFUSED", description="A browser sent it on behalf of another site."
    )
    INTROSPECTION_REFUSED = strawberry.enum_value(
        "INTROSPECTION_REFUSED", description="Here the schema is not told."
    )
    PERSISTED_QUERY_NOT_SUPPORTED = strawberry.enum_value(
        "PERSISTED_QUERY_NOT_SUPPORTED",
        description="Documents are not remembered by their hash: send the text.",
    )
    DOCUMENT_NOT_FOUND = strawberry.enum_value(
        "DOCUMENT_NOT_FOUND", description="The portal has registered no such document."
    )
    DOCUMENT_NOT_TRUSTED = strawberry.enum_value(
        "DOCUMENT_NOT_TRUSTED", description="The portal takes registered documents only."
    )
    DOCUMENT_REFUSED = strawberry.enum_value(
        "DOCUMENT_REFUSED", description="A document cannot be registered; the message tells why."
    )
    TOO_MANY_DOCUMENTS = strawberry.enum_value(
        "TOO_MANY_DOCUMENTS", description="A portal has its most documents."
    )
    PORTAL_NOT_FOUND = strawberry.enum_value(
        "PORTAL_NOT_FOUND", description="There is no such portal, or it is none of one's own."
    )
    PORTAL_CLIENT_TAKEN = strawberry.enum_value(
        "PORTAL_CLIENT_TAKEN", description="Another portal is known by this client of this issuer."
    )
    PORTAL_ORIGIN_TAKEN = strawberry.enum_value(
        "PORTAL_ORIGIN_TAKEN", description="Another portal is known by this origin."
    )
    INTERNAL = strawberry.enum_value(
        "INTERNAL",
        description="Something failed that nobody expected; traceId finds it in the logs.",
    )
    UNAUTHENTICATED = strawberry.enum_value(
        "UNAUTHENTICATED", description="Nobody is signed in, or the token is not believed."
    )
    UNAVAILABLE = strawberry.enum_value(
        "UNAVAILABLE",
        description="A part of the platform does not answer; nothing was changed. Try again later.",
    )
    OUTCOME_UNKNOWN = strawberry.enum_value(
        "OUTCOME_UNKNOWN",
        description="Nobody knows whether it was done: repeat it with the same requestId.",
    )
    REQUEST_ID_INVALID = strawberry.enum_value(
        "REQUEST_ID_INVALID", description="requestId is not 8 to 128 visible ASCII characters."
    )
    REQUEST_ID_REUSED = strawberry.enum_value(
        "REQUEST_ID_REUSED", description="requestId was used before, for another input."
    )
    AUTHOR_CANNOT_READ = strawberry.enum_value(
        "AUTHOR_CANNOT_READ",
        description="Who wrote it could not read it there any more; evenIfAuthorCannotRead does.",
    )
    VERSION_STALE = strawberry.enum_value(
        "VERSION_STALE",
        description="It has changed since expectedVersion: read it again, decide again.",
    )
    ROLE_REQUIRED = strawberry.enum_value(
        "ROLE_REQUIRED", description="One may see it, but lacks the role for this."
    )
    REASON_REQUIRED = strawberry.enum_value("REASON_REQUIRED", description="This needs a reason.")
    TEXT_INVALID = strawberry.enum_value(
        "TEXT_INVALID",
        description="A text is empty, too long, or holds characters that no text may hold.",
    )
    FIELD_INVALID = strawberry.enum_value(
        "FIELD_INVALID", description="A value is none of the allowed ones."
    )
    COMMUNITY_NOT_FOUND = strawberry.enum_value(
        "COMMUNITY_NOT_FOUND", description="There is no such community, or one is not in it."
    )
    PERSON_NOT_FOUND = strawberry.enum_value(
        "PERSON_NOT_FOUND",
        description="There is no such person, or one may not know that there is.",
    )
    PERSON_DEACTIVATED = strawberry.enum_value(
        "PERSON_DEACTIVATED", description="The person can no longer act."
    )
    PERSON_ACTIVE = strawberry.enum_value(
        "PERSON_ACTIVE", description="The person is not deactivated."
    )
    IDENTITY_TAKEN = strawberry.enum_value(
        "IDENTITY_TAKEN", description="The identity belongs to a person already."
    )
    IDENTITY_UNLINKED = strawberry.enum_value(
        "IDENTITY_UNLINKED",
        description="An operator took the identity from its person, and must link it anew.",
    )
    IDENTITY_NOT_FOUND = strawberry.enum_value(
        "IDENTITY_NOT_FOUND", description="The person has no such identity."
    )
    COMPANY_NOT_FOUND = strawberry.enum_value(
        "COMPANY_NOT_FOUND",
        description="There is no such company, or one may not know that there is.",
    )
    COMPANY_NAME_TAKEN = strawberry.enum_value(
        "COMPANY_NAME_TAKEN",
        description="Another company has this name, or one that reads the same.",
    )
    COMPANY_NOT_ENROLLED = strawberry.enum_value(
        "COMPANY_NOT_ENROLLED", description="The person's company is not in this community now."
    )
    ISSUER_TAKEN = strawberry.enum_value(
        "ISSUER_TAKEN", description="Another company owns this issuer."
    )
    NOT_A_VENDOR = strawberry.enum_value(
        "NOT_A_VENDOR", description="Only a vendor has communities."
    )
    COMMUNITY_SLUG_TAKEN = strawberry.enum_value(
        "COMMUNITY_SLUG_TAKEN", description="Another community has this slug."
    )
    ENROLMENT_NOT_FOUND = strawberry.enum_value(
        "ENROLMENT_NOT_FOUND", description="There is no such enrolment in this community."
    )
    ALREADY_ENROLLED = strawberry.enum_value(
        "ALREADY_ENROLLED", description="The company is in this community."
    )
    ALREADY_AFFILIATED = strawberry.enum_value(
        "ALREADY_AFFILIATED", description="The person works for this company now."
    )
    MEMBER_NOT_FOUND = strawberry.enum_value(
        "MEMBER_NOT_FOUND", description="There is no such member, now or formerly."
    )
    MEMBER_FORMER = strawberry.enum_value("MEMBER_FORMER", description="The membership has ended.")
    ALREADY_MEMBER = strawberry.enum_value(
        "ALREADY_MEMBER", description="The person is a member of this community."
    )
    ROLE_NOT_GRANTABLE = strawberry.enum_value(
        "ROLE_NOT_GRANTABLE", description="Only people of the vendor can be MANAGER."
    )
    LAST_MANAGER = strawberry.enum_value(
        "LAST_MANAGER", description="Without this member nobody would manage the community."
    )
    SPACE_NOT_FOUND = strawberry.enum_value(
        "SPACE_NOT_FOUND", description="There is no such space, or one cannot read it."
    )
    SPACE_SLUG_TAKEN = strawberry.enum_value(
        "SPACE_SLUG_TAKEN", description="Another space of the community has this slug."
    )
    TOPIC_NOT_FOUND = strawberry.enum_value(
        "TOPIC_NOT_FOUND", description="There is no such topic, or one cannot see it."
    )
    TOPIC_STATE_INVALID = strawberry.enum_value(
        "TOPIC_STATE_INVALID", description="In its state this cannot be done with the topic."
    )
    REPLY_NOT_FOUND = strawberry.enum_value(
        "REPLY_NOT_FOUND", description="There is no such reply, or one cannot see it."
    )
    REPLY_STATE_INVALID = strawberry.enum_value(
        "REPLY_STATE_INVALID", description="In its state this cannot be done with the reply."
    )
    PARENT_INVALID = strawberry.enum_value(
        "PARENT_INVALID",
        description="One replies to a topic, or to a published reply in it that has no parent.",
    )
    VOTE_NOT_ALLOWED = strawberry.enum_value(
        "VOTE_NOT_ALLOWED",
        description="Topics of this kind take no votes, or this space takes none against.",
    )
    VOTE_LIMIT_REACHED = strawberry.enum_value(
        "VOTE_LIMIT_REACHED",
        description="So many votes a day, so many for one author: wait retryAfter seconds.",
    )
    VOTED_AT_ONCE = strawberry.enum_value(
        "VOTED_AT_ONCE", description="One voted in several places at the same moment: try again."
    )
    KIND_NOT_ALLOWED = strawberry.enum_value(
        "KIND_NOT_ALLOWED", description="The space takes no topics of this kind."
    )
    POSTING_NOT_ALLOWED = strawberry.enum_value(
        "POSTING_NOT_ALLOWED",
        description="The space takes posts of others: its settings say whose.",
    )
    EDIT_WINDOW_OVER = strawberry.enum_value(
        "EDIT_WINDOW_OVER", description="The author may not change this text any more."
    )
    NOT_AN_IDEA = strawberry.enum_value(
        "NOT_AN_IDEA", description="Only ideas have a status by the vendor."
    )
    NOT_AN_ARTICLE = strawberry.enum_value(
        "NOT_AN_ARTICLE", description="Only articles have an owner and are reviewed."
    )
    NOT_A_QUESTION = strawberry.enum_value(
        "NOT_A_QUESTION", description="Only questions have an accepted answer."
    )
    NOTHING_ACCEPTED = strawberry.enum_value(
        "NOTHING_ACCEPTED", description="The question has no accepted answer."
    )
    TOO_MANY_ACCEPTED = strawberry.enum_value(
        "TOO_MANY_ACCEPTED", description="10 replies answer the question already."
    )
    TAGS_INVALID = strawberry.enum_value(
        "TAGS_INVALID",
        description="At most 5 tags, each 1 to 35 letters of one script, digits, +, #, . and -, "
        "and none that only looks like another.",
    )
    UPLOADS_DISABLED = strawberry.enum_value(
        "UPLOADS_DISABLED", description="This platform keeps no files."
    )
    TYPE_NOT_ALLOWED = strawberry.enum_value(
        "TYPE_NOT_ALLOWED", description="Files of this kind cannot be attached."
    )
    TYPE_MISMATCH = strawberry.enum_value(
        "TYPE_MISMATCH", description="Name, declared type and content are not of one kind."
    )
    FILE_TOO_LARGE = strawberry.enum_value(
        "FILE_TOO_LARGE", description="A file has 1 byte to 10 MB."
    )
    FILE_UNSAFE = strawberry.enum_value(
        "FILE_UNSAFE", description="It unfolds without measure, is damaged, or is locked."
    )
    CHECKSUM_INVALID = strawberry.enum_value(
        "CHECKSUM_INVALID", description="A SHA-256 is 64 hexadecimal digits."
    )
    CHECKSUM_MISMATCH = strawberry.enum_value(
        "CHECKSUM_MISMATCH", description="What was put has another SHA-256."
    )
    SIZE_MISMATCH = strawberry.enum_value(
        "SIZE_MISMATCH", description="What was put has another size."
    )
    UPLOAD_MISSING = strawberry.enum_value(
        "UPLOAD_MISSING", description="Nothing was put, or it was refused and deleted."
    )
    UPLOAD_LIMIT_REACHED = strawberry.enum_value(
        "UPLOAD_LIMIT_REACHED", description="As much as one may put in 24 hours."
    )
    ATTACHMENT_NOT_FOUND = strawberry.enum_value(
        "ATTACHMENT_NOT_FOUND", description="There is no such attachment, or it is another's."
    )
    ATTACHMENT_STATE_INVALID = strawberry.enum_value(
        "ATTACHMENT_STATE_INVALID",
        description="In its state this cannot be done with the attachment.",
    )
    ATTACHMENTS_TOO_MANY = strawberry.enum_value(
        "ATTACHMENTS_TOO_MANY", description="A post has 10 at most, each once."
    )
    AUTOMATION_NOT_FOUND = strawberry.enum_value(
        "AUTOMATION_NOT_FOUND", description="There is no such automation in the community."
    )
    TOO_MANY_AUTOMATIONS = strawberry.enum_value(
        "TOO_MANY_AUTOMATIONS", description="The community has its most automations."
    )
    CONTENT_BLOCKED = strawberry.enum_value(
        "CONTENT_BLOCKED",
        description="A rule of the community forbids this text; the message is the rule's.",
    )
    POSTING_TOO_FAST = strawberry.enum_value(
        "POSTING_TOO_FAST", description="One posts too fast: wait retryAfter seconds."
    )
    ASK_NOT_FOUND = strawberry.enum_value(
        "ASK_NOT_FOUND", description="One is not asked about this question."
    )
    QUESTION_NOT_FOUND = strawberry.enum_value(
        "QUESTION_NOT_FOUND",
        description="An imported answer's question is neither there nor before it in the call.",
    )
    FOLLOW_LEVEL_INVALID = strawberry.enum_value(
        "FOLLOW_LEVEL_INVALID", description="The level is none, or none of what is followed."
    )
    TOO_MANY_FOLLOWS = strawberry.enum_value(
        "TOO_MANY_FOLLOWS", description="One follows the most that one may in the community."
    )
    BOOKMARK_NOT_FOUND = strawberry.enum_value(
        "BOOKMARK_NOT_FOUND", description="One does not keep this post."
    )
    TOO_MANY_BOOKMARKS = strawberry.enum_value(
        "TOO_MANY_BOOKMARKS", description="One keeps the most posts that one may in the community."
    )
    CASE_NOT_FOUND = strawberry.enum_value(
        "CASE_NOT_FOUND", description="There is no such case in the community."
    )
    CASE_DECIDED = strawberry.enum_value(
        "CASE_DECIDED", description="There is nothing left to decide."
    )
    POST_NOT_FOUND = strawberry.enum_value(
        "POST_NOT_FOUND", description="There is no such topic or reply, or one cannot see it."
    )
    OWN_POST = strawberry.enum_value(
        "OWN_POST", description="Nobody decides on their own post, votes for it or reacts to it."
    )
    RULE_NOT_FOUND = strawberry.enum_value(
        "RULE_NOT_FOUND", description="There is no such rule in the community."
    )
    PATTERN_INVALID = strawberry.enum_value(
        "PATTERN_INVALID",
        description="The pattern cannot be matched, or it matches what is not there.",
    )
    TOO_MANY_RULES = strawberry.enum_value(
        "TOO_MANY_RULES", description="The community has its most rules."
    )
    TOO_MANY_SYNONYMS = strawberry.enum_value(
        "TOO_MANY_SYNONYMS", description="More sets or phrases than a community may have."
    )
    SEARCH_UNAVAILABLE = strawberry.enum_value(
        "SEARCH_UNAVAILABLE", description="The search does not answer: try again later."
    )
    DEAD_LETTER_NOT_FOUND = strawberry.enum_value(
        "DEAD_LETTER_NOT_FOUND", description="There is no such dead letter, or not any more."
    )
    DEAD_LETTER_NOT_OLDEST = strawberry.enum_value(
        "DEAD_LETTER_NOT_OLDEST", description="An older one about the same thing comes first."
    )
    CONSUMER_NOT_FOUND = strawberry.enum_value(
        "CONSUMER_NOT_FOUND", description="The service has no such consumer."
    )
    REBUILD_RUNNING = strawberry.enum_value(
        "REBUILD_RUNNING", description="A rebuild is under way."
    )
    NOTHING_TO_REBUILD = strawberry.enum_value(
        "NOTHING_TO_REBUILD", description="The service has no projections."
    )


@strawberry.type(
    description="The extensions of an error. Every error has a code; the rest goes with some."
)
class Refusal:
    """No field answers it: errors stand beside the data. Generated clients have it from here."""

    code: RefusalCode = strawberry.field(
        description="Why. There will be more codes: an unknown one is as INTERNAL."
    )
    field: str | None = strawberry.field(
        description="The argument or field of the input at fault, as posts.12.body."
    )
    retry_after: float | None = strawberry.field(
        description="In how many seconds it may be tried again."
    )
    limit: str | None = strawberry.field(description="Of LIMIT_EXCEEDED: which limit.")
    maximum: int | None = strawberry.field(
        description="Of LIMIT_EXCEEDED and REQUEST_TOO_LARGE: the most that is allowed."
    )
    actual: int | None = strawberry.field(
        description="Of LIMIT_EXCEEDED: how much it was, where all was counted."
    )
    trace_id: str | None = strawberry.field(
        description="Of INTERNAL: what finds the failure in the logs."
    )
