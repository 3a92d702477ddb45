"""Thread gates and post gates: what they say, with ids for names. Both gates have the record key of the post that
they are for.

Rules of the reference AppView's parseThreadGate and parsePostgate: no `allow` means that anybody may reply, an empty
one that
nobody may; a post gate that contains disableRule forbids quotes by others.
"""

from __future__ import annotations

from indexer.records.collections import LIST
from indexer.records.references import References
from indexer.records.threads import ThreadGate

_GATE = "app.bsky.feed.threadgate"
_DISABLED = "app.bsky.feed.postgate#disableRule"


def thread_gate(record: object, references: References) -> ThreadGate | None:
    """Return what the thread gate `record` (a decoded map) says; None for None, which stands for a deleted gate."""
    if not isinstance(record, dict):
        return None
    allow = record.get("allow")
    rules = [rule for rule in allow if isinstance(rule, dict)] if isinstance(allow, list) else []
    types = {rule.get("$type") for rule in rules}
    lists = [
        references.record(rule.get("list"), LIST)
        for rule in rules
        if rule.get("$type") == f"{_GATE}#listRule"
    ]
    hidden = record.get("hiddenReplies")
    hidden_posts = [references.record(uri) for uri in hidden] if isinstance(hidden, list) else []
    return ThreadGate(
        allow=isinstance(allow, list),
        mentioned=f"{_GATE}#mentionRule" in types,
        followers=f"{_GATE}#followerRule" in types,
        followed=f"{_GATE}#followingRule" in types,
        lists=tuple(list_ for list_ in lists if list_ is not None),
        hidden=frozenset(post for post in hidden_posts if post is not None),
    )


def forbids_quotes(record: object) -> bool:
    """Whether the post gate `record` (a decoded map, None if deleted) forbids others to quote its post."""
    rules = record.get("embeddingRules") if isinstance(record, dict) else None
    return isinstance(rules, list) and any(
        isinstance(rule, dict) and rule.get("$type") == _DISABLED for rule in rules
    )


def mentioned_dids(record: object) -> set[str]:
    """Return the DIDs that the facets of the post `record` (a decoded map) mention."""
    found: set[str] = set()
    facets = record.get("facets") if isinstance(record, dict) else None
    for facet in facets if isinstance(facets, list) else ():
        features = facet.get("features") if isinstance(facet, dict) else None
        for feature in features if isinstance(features, list) else ():
            if isinstance(feature, dict) and feature.get("$type") == "app.bsky.richtext.facet#mention":
                did = feature.get("did")
                if isinstance(did, str):
                    found.add(did)
    return found
