"""Batches stay within their bounds, keep every post and its order, and are named by content."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from devstack.importer.batches import Batch, EncodedPost, Spool, batches

SIZES = st.lists(st.integers(1, 120), max_size=60)


def posts(sizes: list[int]) -> list[EncodedPost]:
    return [
        EncodedPost(number, str(number), json.dumps("x" * size).encode())
        for number, size in enumerate(sizes)
    ]


@given(SIZES, st.integers(1, 12), st.integers(130, 600))
def test_batches_keep_order_and_bounds(sizes: list[int], max_posts: int, max_bytes: int) -> None:
    given_posts = posts(sizes)
    cut = list(batches(given_posts, max_posts, max_bytes))
    assert [post for batch in cut for post in batch.posts] == given_posts
    for batch in cut:
        assert 1 <= len(batch.posts) <= max_posts
        assert len(batch.json) <= max_bytes
        assert len(json.loads(batch.json)) == len(batch.posts)
    for batch, following in pairwise(cut):
        # No batch is closed before it is full.
        fits = len(batch.json) + 1 + len(following.posts[0].json) < max_bytes
        assert len(batch.posts) == max_posts or not fits


@given(SIZES)
def test_spool_gives_back_what_it_was_given_as_often_as_asked(sizes: list[int]) -> None:
    given_posts = posts(sizes)
    with Spool() as spool:
        for post in given_posts:
            spool.add(post)
        assert spool.count == len(given_posts)
        assert list(spool) == given_posts
        assert list(spool) == given_posts


def test_request_id_names_space_source_and_content() -> None:
    batch = Batch(tuple(posts([1, 2])))
    same = Batch(tuple(posts([1, 2])))
    other = Batch(tuple(posts([1, 3])))
    first = batch.request_id("space", "source")
    assert first == same.request_id("space", "source")
    assert len({first, batch.request_id("s", "source"), batch.request_id("space", "s")}) == 3
    assert other.request_id("space", "source") != first
