"""Committed changes -> Redis (or Valkey), and the cached reads of the API.

One process writes: the ingest process, in commit order (`timelines.py`, `counts.py`, joined by
`writer.py`). The API processes read (`reader.py`) and fill missing counts. Everything here may be lost at any moment:
a reader then answers None and the caller asks Postgres.

A run of the ingest process has an epoch, a random name that is part of every key. The epoch key expires unless
the writer renews it, so that what a crashed or disconnected writer left behind is not believed for longer than
EPOCH_SECONDS.
"""
