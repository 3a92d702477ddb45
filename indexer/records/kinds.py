"""The record types that are neither edges nor posts, by code."""

from __future__ import annotations

from indexer.records import (
    account_list,
    any_other,
    chat_declaration,
    generator,
    labeler,
    listblock,
    listitem,
    notification_declaration,
    postgate,
    profile,
    referencelistoptout,
    starterpack,
    status,
    threadgate,
    verification,
)
from indexer.records.kind import RecordKind

KINDS: dict[int, RecordKind] = {
    module.KIND.code: module.KIND
    for module in (
        any_other,
        chat_declaration,
        generator,
        labeler,
        account_list,
        listblock,
        listitem,
        notification_declaration,
        postgate,
        profile,
        referencelistoptout,
        starterpack,
        status,
        threadgate,
        verification,
    )
}
