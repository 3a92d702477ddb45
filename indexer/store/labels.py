"""Labels of labelers and how far their streams were followed, written together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from indexer.store.pool import connect, store_errors
from indexer.store.sql import load


class LabelStore:
    """Each call has a connection of its own: labels are few. Raises StoreError while the database cannot be used."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def cursor(self, did: str) -> int:
        """The sequence number up to which all labels of a labeler are kept; 0 at the beginning."""
        connection = await connect(self._url)
        try:
            with store_errors("cannot read a labeler's cursor"):
                return int(await connection.fetchval(load("labeler_cursor_find"), did) or 0)
        finally:
            await connection.close()

    async def save(self, did: str, seq: int, labels: Sequence[tuple[Any, ...]]) -> None:
        """Keep labels (rows of src, uri, cid, val, neg, cts, exp; distinct in the first four), and the cursor."""
        connection = await connect(self._url)
        try:
            with store_errors("cannot save labels"):
                async with connection.transaction():
                    if labels:
                        columns = (list(column) for column in zip(*labels, strict=True))
                        await connection.execute(load("label_save"), *columns)
                    await connection.execute(load("labeler_cursor_save"), did, seq)
        finally:
            await connection.close()
