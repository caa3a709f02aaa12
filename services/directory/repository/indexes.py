"""Which look-ups are quick, and what may be there once only."""

from __future__ import annotations

from chassis.mongo import Index

BY_NAME = [("folded_name", 1), ("_id", 1)]
BY_UNIQUE_NAME = [("folded_name", 1)]
BY_PERSON = [("person_id", 1)]
BY_COMPANY = [("company_id", 1), ("person_id", 1)]
NEWEST = [("time", -1), ("_id", -1)]
LONGEST = [("update_time", 1), ("person_id", 1)]  # in its state
LAST_BEGUN = [("start_time", -1), ("_id", -1)]

INDEXES = (
    Index(
        "persons",
        [("community_id", 1), ("identity_links.issuer", 1), ("identity_links.subject", 1)],
        "identity",
        unique=True,
        partial={"identity_links.issuer": {"$exists": True}},  # any number may have no identity
    ),
    Index("companies", [("community_id", 1), *BY_UNIQUE_NAME], "company_name", unique=True),
    Index(
        "companies",
        [("community_id", 1), ("issuer", 1)],
        "issuer",
        unique=True,
        partial={"issuer": {"$exists": True}},
    ),
    Index("communities", [("community_id", 1), ("slug", 1)], "slug", unique=True),
    Index("communities", [("community_id", 1), ("vendor_company_id", 1)], "vendor"),
    Index("communities", [("community_id", 1), *BY_NAME], "all_by_name"),
    Index("communities", [("community_id", 1), ("read_keys", 1), *BY_NAME], "visible_by_name"),
    Index("enrolments", [("community_id", 1), *LAST_BEGUN], "newest"),
    # The one index that begins otherwise: first sign-ins and moves ask for one company everywhere.
    Index("enrolments", [("company_id", 1), ("community_id", 1)], "of_company"),
    Index("enrolments", [("community_id", 1), ("capabilities", 1)], "capable"),
    Index("members", [("community_id", 1), ("state", 1), *BY_NAME], "by_name"),
    Index(
        "members",
        [("community_id", 1), ("state", 1), ("company_id", 1), *BY_NAME],
        "of_company",
    ),
    Index("members", [("community_id", 1), ("state", 1), ("roles", 1), *BY_NAME], "with_role"),
    Index("members", [("community_id", 1), ("state", 1), *BY_PERSON], "by_person"),
    Index("members", [("community_id", 1), ("state", 1), *BY_COMPANY], "by_company"),
    Index(
        "groups",
        [("community_id", 1), *BY_UNIQUE_NAME],
        "group_name",
        unique=True,
        partial={"state": "ACTIVE"},  # the name of one that has ended is free
    ),
    Index("groups", [("community_id", 1), *BY_NAME], "all_by_name"),
    Index("groups", [("community_id", 1), ("read_keys", 1), *BY_NAME], "visible_by_name"),
    Index("group_members", [("community_id", 1), *BY_PERSON, ("state", 1)], "of_person"),
    Index(
        "group_members",
        [("community_id", 1), ("group_id", 1), ("state", 1), *LONGEST],
        "in_state",
    ),
    Index(
        "group_members",
        [("community_id", 1), ("group_id", 1), ("state", 1), ("role", 1), *LONGEST],
        "with_role",
    ),
    Index(
        "group_members",
        [("community_id", 1), ("group_id", 1), ("state", 1), *BY_PERSON],
        "in_state_by_person",
    ),
    # For these two: so that no transaction has to make the collection.
    Index("group_counts", [("community_id", 1)], "of_community"),
    Index("group_sweeps", [("community_id", 1)], "of_community"),
    Index("audit_entries", [("community_id", 1), *NEWEST], "newest"),
)
