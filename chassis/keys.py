"""Keys that one part gives people and another one asks for, where they are not said in a word."""

from __future__ import annotations

from hashlib import blake2s


def territory_key(name: str, community_id: str) -> str:
    """Of a company's people for each of its territories, in whatever case that is spelled.

    Names may be long and many, and a token holds all keys of a person: this has a digest of it.
    """
    digest = blake2s(name.casefold().encode(), digest_size=6).hexdigest()
    return f"territory:{digest}@{community_id}"
