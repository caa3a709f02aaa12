"""The measured operations, as GraphQL."""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Iterator

from bench.asking import body
from bench.contents import Contents, query, words
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
REPLY = """mutation Reply($input: CreateReplyInput!) {
  createReply(input: $input) { reply { id state bodyHtml createTime } }
}"""
NAMES = {
    "category": "category page of 20 topics",
    "topic": "topic page of 20 posts",
    "search": "search of 10 hits",
    "reply": "reply",
}


def list_variables(contents: Contents) -> dict[str, str]:
    """Of LIST."""
    community_id = contents.community_id
    return {
        "community": encode_id("Community", "platform", community_id),
        "space": encode_id("Space", community_id, contents.space_id),
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
        else:
            reply = {
                "requestId": f"bench-{uuid.uuid4()}",
                "topicId": next(ids),
                "body": words(random_, 60),
            }
            yield body(REPLY, input=reply)
