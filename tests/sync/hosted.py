"""A simulated world behind the tests' HTTP server: its directory and its PDS."""

from __future__ import annotations

import orjson

from indexer.simulation.account import Account, World
from indexer.sync.identity import IdentityResolver, IdentitySettings
from tests.sync.servers import Answer, HttpServer

POST = "app.bsky.feed.post"
SYNC = "/xrpc/com.atproto.sync."


class HostedWorld:
    """A World whose PDS and directory are `http`; `publish` brings the answers about an account up to date."""

    def __init__(self, http: HttpServer, seed: int = 1) -> None:
        self.http = http
        self.world = World(seed=seed, pds_url=http.url)

    def account(self, handle: str) -> Account:
        made = self.world.account(handle)
        made.create_record("app.bsky.actor.profile", {"displayName": handle}, rkey="self")
        self.publish(made)
        return made

    def publish(self, account: Account) -> None:
        did, routes = account.did, self.http.routes
        commit = {"cid": "bafyreiexample", "rev": account.rev}
        status = {"did": did, "active": account.active, "rev": account.rev}
        routes[f"/{did}"] = Answer(orjson.dumps(account.document()))
        routes[f"{SYNC}getRepo?did={did}"] = Answer(account.repo.export())
        routes[f"{SYNC}getLatestCommit?did={did}"] = Answer(orjson.dumps(commit))
        routes[f"{SYNC}getRepoStatus?did={did}"] = Answer(
            orjson.dumps(status if account.active else status | {"status": account.status})
        )

    def after_a_gap(self, account: Account) -> bytes:
        """The frame of a commit that does not connect, as the one before it was lost; the PDS has both."""
        account.create_record(POST, {"text": "lost"})
        shown = account.create_record(POST, {"text": "does not connect"})
        self.publish(account)
        return shown.frame

    def delay_download(self, account: Account, seconds: float) -> None:
        """Make the PDS wait before it sends the repository that it has of an account now."""
        route = f"{SYNC}getRepo?did={account.did}"
        self.http.routes[route] = Answer(self.http.routes[route].body, delay=seconds)

    def refuse(self, account: Account, error: str, status: int = 400) -> None:
        """Make the PDS answer an error to every question about an account."""
        answer = Answer(orjson.dumps({"error": error, "message": "no"}), status)
        for method in ("getRepo", "getLatestCommit", "getRepoStatus"):
            self.http.routes[f"{SYNC}{method}?did={account.did}"] = answer

    def resolver(self) -> IdentityResolver:
        """A resolver of this world; enter it to use it."""
        settings = IdentitySettings(
            plc_url=self.http.url,
            handle_resolver_url=self.http.url,
            allowed_tlds=frozenset(("test",)),
            allow_private=True,
            timeout=2.0,
            refresh_interval=0.0,
        )
        return IdentityResolver(settings)
