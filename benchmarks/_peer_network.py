"""The peer kit's network as a source of data: a PDS, whose accounts' keys lie beside it, and the reference AppView.

Owns where the kit keeps things and on which ports its network listens (its README). The network has to run already:
`./run.sh network.mjs --seed load` in the kit's directory.
"""

from __future__ import annotations

import hashlib
import json
import os
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import UpstreamError
from indexer.simulation.identity import service_token
from indexer.simulation.keys import K256Key

MOST_VIEWERS = 100


@dataclass(frozen=True)
class PeerAccount:
    """An account of the data set, with its signing key."""

    did: str
    key: K256Key

    def token(self, audience: str, method: str, lifetime: int) -> str:
        return service_token(self.did, self.key, audience, method, lifetime)


class PeerNetwork:
    """The network of the kit in `directory` with the data set `name`. Raises UpstreamError if it does not run."""

    def __init__(self, directory: Path, name: str = "load") -> None:
        ports = {"PLC_PORT": 12582, "PDS_PORT": 12583, "APPVIEW_PORT": 12584}
        self.plc_port, self.pds_port, self.appview_port = (
            int(os.environ.get(variable, port)) for variable, port in ports.items()
        )
        state = Path(os.environ.get("PEER_STATE", directory / ".state")) / "data" / name
        self.service = self._get(self.appview_port, "/.well-known/did.json", "id")
        self.dids = [account["did"] for account in json.loads((state / "accounts.json").read_text())]
        self.viewers = [
            PeerAccount(did, K256Key(key.read_bytes()))
            for did in self.dids
            if (
                key := state / "pds" / "actors" / hashlib.sha256(did.encode()).hexdigest()[:2] / did / "key"
            ).exists()
        ][:MOST_VIEWERS]

    def revision(self, did: str) -> str:
        """The newest revision of an account's repository at its PDS."""
        return self._get(self.pds_port, f"/xrpc/com.atproto.sync.getLatestCommit?did={did}", "rev")

    @staticmethod
    def _get(port: int, path: str, name: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return str(json.load(answer)[name])
        except OSError as error:
            raise UpstreamError(f"expected the peer kit's network on port {port}: {error}") from error
