"""What the loser asks for, in all ways at once: each root field is a way."""

from __future__ import annotations

LOOK = """query Look($topic: ID!, $reply: ID!, $community: ID!, $space: String!, $after: String,
                     $word: String!) {
    topic(id: $topic) { id title body }
    node: communityNode(id: $topic) { id }
    replyNode: communityNode(id: $reply) { ... on Reply { id body } }
    list: topics(communityId: $community, first: 5) { edges { node { id } } }
    after: topics(communityId: $community, first: 1, after: $after) { edges { node { id } } }
    community(id: $community) { space(slug: $space) {
        topics(first: 5) { edges { node { id } } }
    } }
    search(query: $word, first: 5) {
        totalCount facets { values { value count } } edges { titleHighlight node { __typename } }
    }
    suggest(prefix: $word) { text }
}"""
CASES = """query Cases($topic: ID!, $community: ID!) {
    topic(id: $topic) { id title }
    node: communityNode(id: $topic) { id }
    rules: moderationRules(communityId: $community, first: 5) { edges { node { id } } }
}"""
STAFF = """query Staff($community: ID!) {
    enrolments(communityId: $community, first: 5) { edges { node { id } } }
    auditEntries(communityId: $community, first: 5) { edges { node { action } } }
}"""

WAYS = {  # all that is open before
    LOOK: {"topic", "node", "replyNode", "list", "after", "community", "search", "suggest"},
    CASES: {"topic", "node", "rules"},
    STAFF: {"enrolments", "auditEntries"},
}
