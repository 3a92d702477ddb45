"""Embedded Postgres and Valkey, the default where no server is named by URL.

launch.py     becomes a server process, without root, dying with its parent
binaries.py   where the programs are, as whom they run
child.py      one process kept alive
postgres.py   an embedded Postgres        valkey.py   an embedded Valkey
servers.py    the state directory: lock, secrets, both servers
"""

from indexer.ops.embedded.servers import (
    Addresses,
    EmbeddedServers,
    Tuning,
    embedded_servers,
    ephemeral_servers,
    machine_memory_bytes,
    running_addresses,
)

__all__ = [
    "Addresses",
    "EmbeddedServers",
    "Tuning",
    "embedded_servers",
    "ephemeral_servers",
    "machine_memory_bytes",
    "running_addresses",
]
