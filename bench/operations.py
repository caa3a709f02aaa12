"""The measured operations, as GraphQL."""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Iterator

from bench.asking import body
from bench.contents import Contents, query, word, words
from gateway.cursors import encode_id

# What a front end's list shows. Two RPCs: the page from the forum, its people from the directory.
LIST = """query List($community: ID!, $space: ID!) {
  topics(communityId: $community, spaceId: $space, first: 20) {
    edges { node {
      id title slug kind state tags score replyCount createTime activityTime
      author { member { displayName } }
      lastReplyAuthor { member { displayName } }
    } }
    pageInfo { hasNextPage endCursor }
  }
}"""
CATEGORY = """query Category($space: ID!) {
  communityNode(id: $space) { ... on Space {
    id name description mode
    topics(first: 20) {
      edges { node {
        id title slug kind state tags score replyCount createTime activityTime
        author { member { displayName } company { name } persona { displayName } }
        lastReplyAuthor { member { displayName } persona { displayName } }
      } }
      pageInfo { hasNextPage endCursor }
    }
  } }
}"""
TOPIC = """query Topic($id: ID!) {
  topic(id: $id) {
    id title kind state tags score bodyHtml createTime editTime acceptedReply { id }
    author { member { displayName } company { name } persona { displayName } }
    space { id name }
    replies(first: 20) {
      edges { node {
        id state bodyHtml score accepted createTime editTime
        author { member { displayName } company { name } persona { displayName } }
      } }
      pageInfo { hasNextPage endCursor }
    }
  }
}"""
SEARCH = """query Search($query: String!) {
  search(query: $query, first: 10) {
    totalCount
    edges { score titleHighlight bodyHighlight node {
      __typename
      ... on Topic { id title createTime author { persona { displayName } } }
      ... on Reply { id createTime topic { id title } author { persona { displayName } } }
    } }
    pageInfo { hasNextPage endCursor }
  }
}"""
# What a person comes to first: the feed over all their communities.
FEED = """query Feed {
  feed(first: 20) {
    edges { node {
      reason
      topic {
        id title slug kind tags replyCount createTime activityTime
        author { member { displayName } company { name } persona { displayName } }
        space { id name }
        viewerState { level unreadCount unopened bookmarked }
      }
      newestReply { id createTime author { member { displayName } persona { displayName } } }
    } }
    pageInfo { hasNextPage endCursor }
  }
}"""
# What a portal's first page shows at once: who one is, where, and what is new; of three services.
HOME = """query Home($community: ID!) {
  viewer {
    person { id displayName }
    memberships { roles trustLevel community { id name } company { name } }
  }
  communities(first: 10) { edges { node { id slug name } } }
  topics(communityId: $community, first: 10) {
    edges { node {
      id title kind tags replyCount activityTime
      author { member { displayName } persona { displayName } }
    } }
  }
  search(first: 5, kinds: [TOPIC], unanswered: true, sort: NEWEST) {
    totalCount
    edges { node { ... on Topic { id title createTime replyCount } } }
  }
}"""
REPLY = """mutation Reply($input: CreateReplyInput!) {
  createReply(input: $input) { reply { id state bodyHtml createTime } }
}"""
COMPARED = {
    "list": "list of 20 topics",
    "topic": "topic page of 20 posts",
    "search": "search of 10 hits",
    "home": "home query over three services",
}
NAMES = {
    "category": "category page of 20 topics",
    "topic": "topic page of 20 posts",
    "search": "search of 10 hits",
    "feed": "feed page of 20 topics",
    "reply": "reply",
}


def list_variables(contents: Contents) -> dict[str, str]:
    """Of LIST."""
    community_id = contents.community_id
    return {
        "community": encode_id("Community", "platform", community_id),
        "space": encode_id("Space", community_id, contents.space_id),
    }


def compared(contents: Contents) -> dict[str, list[bytes]]:
    """The different requests of each operation that the gateway and its floor answer."""
    community_id = contents.community_id
    community = encode_id("Community", "platform", community_id)
    topics = [encode_id("Topic", community_id, one) for one in contents.topic_ids]
    return {
        "list": [body(LIST, **list_variables(contents))],
        "topic": [body(TOPIC, id=one) for one in topics],
        "search": [body(SEARCH, query=f"{word(rank)} {word(rank + 20)}") for rank in range(8, 28)],
        "home": [body(HOME, community=community)],
    }


def bodies(name: str, contents: Contents, seed: int) -> Iterator[bytes]:
    """Endless requests of one kind, over all the topics of the front page."""
    random_ = random.Random(seed)
    community_id = contents.community_id
    ids = itertools.cycle([encode_id("Topic", community_id, id_) for id_ in contents.topic_ids])
    space = encode_id("Space", community_id, contents.space_id)
    while True:
        if name == "category":
            yield body(CATEGORY, space=space)
        elif name == "topic":
            yield body(TOPIC, id=next(ids))
        elif name == "search":
            yield body(SEARCH, query=query(random_))
        elif name == "feed":
            yield body(FEED)
        else:
            reply = {
                "requestId": f"bench-{uuid.uuid4()}",
                "topicId": next(ids),
                "body": words(random_, 60),
            }
            yield body(REPLY, input=reply)
