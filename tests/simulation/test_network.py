"""The simulated network's stream: every frame proves what it claims, and the mix is that of the real network."""

from __future__ import annotations

import collections
import heapq
from typing import Any

import libipld
import pytest

from indexer._fastpath.proof import prove_commit, read_repository
from indexer.simulation.mix import MIX
from indexer.simulation.network import Network
from indexer.simulation.population import Population

from . import oracle

EMPTY_ROOT = oracle.root_of({})


class Follower:
    """Follows a stream with the independent model: order, chains, signatures, inversions, contents."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.numbers = {network.population.did(number): number for number in range(len(network.population))}
        self.seq = 0
        self.heads: dict[str, tuple[str | None, str]] = {}
        self.records: dict[str, dict[str, str]] = collections.defaultdict(dict)
        self.kinds: collections.Counter[str] = collections.Counter()
        self.created: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)

    def take(self, frame: bytes) -> None:
        header, payload = oracle.read_frame(frame)
        assert payload["seq"] > self.seq
        self.seq = payload["seq"]
        self.kinds[header["t"]] += 1
        did = payload["repo"] if header["t"] == "#commit" else payload["did"]
        if header["t"] == "#sync":
            root, blocks = oracle.read_car(payload["blocks"])
            commit = libipld.decode_dag_cbor(blocks[root])
            assert (commit["rev"], oracle._text(commit["data"])) == self.heads[did]
        if header["t"] != "#commit":
            return
        oracle.check_commit(frame, self.network.identity(self.numbers[did]).document())
        since, data = self.heads.get(did, (None, EMPTY_ROOT))
        assert payload["since"] == since
        if since is not None:
            assert oracle._text(payload["prevData"]) == data
            assert payload["rev"] > since
        _, blocks = oracle.read_car(payload["blocks"])
        for op in payload["ops"]:
            previous = oracle._text(op.get("prev"))
            assert self.records[did].get(op["path"]) == previous
            if op["cid"] is None:
                del self.records[did][op["path"]]
            else:
                cid = oracle._text(op["cid"]) or ""
                self.records[did][op["path"]] = cid
                record = libipld.decode_dag_cbor(blocks[cid])
                assert libipld.encode_dag_cbor(record) == blocks[cid]
                assert record["$type"] == op["path"].split("/")[0]
                self.created[record["$type"]].append(record)
            self.kinds[f"{op['action']} {op['path'].split('/')[0]}"] += 1
        root = oracle.root_of({path.encode(): cid for path, cid in self.records[did].items()})
        self.heads[did] = payload["rev"], root


def test_every_event_of_a_stream_verifies_and_continues_the_one_before() -> None:
    network = Network(seed=11, accounts=60)
    follower = Follower(network)
    for frame in network.opening(follows=3, posts=1):
        follower.take(frame)
    assert follower.seq == 60 * (3 + 1 + 3 + 1)
    for frame in network.frames(1500):
        follower.take(frame)
    assert follower.seq == 480 + 1500
    assert {"#commit", "#identity", "#account"} <= set(follower.kinds)
    for number, repo in network.repos.items():
        assert oracle.read_car(repo.export())[0] == oracle._text(repo.commit_cid)
        assert sorted(repo.records or {}) == sorted(follower.records[network.population.did(number)])


def test_accounts_whose_beginning_is_not_in_the_stream_continue_an_empty_repository() -> None:
    network = Network(seed=4, accounts=20)
    first: dict[str, dict[str, Any]] = {}
    for frame in network.frames(300):
        header, payload = oracle.read_frame(frame)
        if header["t"] == "#commit":
            first.setdefault(payload["repo"], payload)
            oracle.check_commit(
                frame, network.identity(Follower(network).numbers[payload["repo"]]).document()
            )
    assert len(first) > 10
    for payload in first.values():
        assert payload["since"] < payload["rev"]
        assert oracle._text(payload["prevData"]) == EMPTY_ROOT


def test_the_programs_own_proof_accepts_every_commit() -> None:
    network = Network(seed=12, accounts=80)
    proven = 0
    for frame in [*network.opening(follows=2, posts=1), *network.frames(3000)]:
        header, payload = oracle.read_frame(frame)
        if header["t"] == "#commit":
            proof = prove_commit(frame, tree=payload["since"] is not None)
            assert (proof.did, proof.rev, proof.seq) == (payload["repo"], payload["rev"], payload["seq"])
            assert proof.inverted == (payload["since"] is not None)
            proven += 1
    assert proven > 3000
    for repo in network.repos.values():
        repository = read_repository(repo.export())
        assert bytes(repository.data) == repo.data
        assert {path: block for path, _, block in repository.records} == repo.records


def test_the_mix_is_that_of_the_real_network() -> None:
    network = Network(seed=5, accounts=400, keep_records=False)
    kinds: collections.Counter[str] = collections.Counter()
    posts: list[dict[str, Any]] = []
    subjects: collections.Counter[str] = collections.Counter()
    total = 15_000
    for frame in network.frames(total):
        header, payload = oracle.read_frame(frame)
        kinds[header["t"]] += 1
        for op in payload.get("ops", ()):
            collection = op["path"].split("/")[0]
            kinds[f"{op['action']} {collection}"] += 1
            if op["action"] == "create" and collection in ("app.bsky.feed.post", "app.bsky.feed.like"):
                record = libipld.decode_dag_cbor(
                    oracle.read_car(payload["blocks"])[1][oracle._text(op["cid"]) or ""]
                )
                if collection == "app.bsky.feed.post":
                    posts.append(record)
                else:
                    subjects[record["subject"]["uri"]] += 1
    assert 0.66 < kinds["create app.bsky.feed.like"] / total < 0.74
    assert 0.09 < kinds["create app.bsky.feed.post"] / total < 0.13
    assert 0.08 < kinds["create app.bsky.feed.repost"] / total < 0.12
    assert 0.03 < kinds["create app.bsky.graph.follow"] / total < 0.05
    assert 0.36 < sum("reply" in post for post in posts) / len(posts) < 0.44
    quotes = sum("record" in post.get("embed", {}) for post in posts)
    assert 0.08 < quotes / len(posts) < 0.12
    for wanted in (
        "delete app.bsky.feed.like", "delete app.bsky.feed.post", "delete app.bsky.graph.follow",
        "update app.bsky.actor.profile", "create app.bsky.graph.block", "create app.bsky.graph.listitem",
        "create app.bsky.feed.threadgate", "create app.bsky.feed.postgate", "#sync", "#identity", "#account",
    ):  # fmt: skip
        assert kinds[wanted] > 0, wanted
    # popularity: the most liked tenth of the liked posts have most of the likes
    ranked = [count for _, count in subjects.most_common()]
    assert sum(ranked[: len(ranked) // 10]) > 0.4 * sum(ranked)


def test_records_are_close_in_time_to_their_keys_and_events() -> None:
    for frame in Network(seed=2, accounts=50).frames(1500):
        header, payload = oracle.read_frame(frame)
        if header["t"] != "#commit":
            continue
        instant = payload["time"]
        _, blocks = oracle.read_car(payload["blocks"])
        for op in payload["ops"]:
            if op["cid"] is not None:
                created = libipld.decode_dag_cbor(blocks[oracle._text(op["cid"]) or ""])["createdAt"]
                assert instant[:16] >= created[:16]
                assert created < instant


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_together_build_the_same_stream_as_one(workers: int) -> None:
    def frames(**options: Any) -> list[tuple[int, bytes]]:
        network = Network(seed=8, accounts=40, keep_records=False, records_limit=200, **options)
        return [(oracle.read_frame(frame)[1]["seq"], frame) for frame in network.frames(3000)]

    whole = frames()
    assert [seq for seq, _ in whole] == list(range(1, 3001))
    shares = [frames(worker=worker, workers=workers) for worker in range(workers)]
    assert all(0 < len(share) < len(whole) for share in shares)
    assert list(heapq.merge(*shares)) == whole


def test_repositories_stay_within_their_limit() -> None:
    network = Network(seed=8, accounts=40, keep_records=False, records_limit=60)
    list(network.frames(2000))
    # a commit may hold several writes
    assert max(len(repo.tree) for repo in network.repos.values()) <= 60 + 16
    assert [len(network.repos[number].tree) for number in network.repos] == [
        network.traffic.records[number] for number in network.repos
    ]
    with pytest.raises(ValueError, match="none among 40"):
        list(network.frames(3000))


def test_handles_lead_back_to_their_accounts() -> None:
    population = Population(1, 500)
    assert all(population.number_of_handle(population.handle(number)) == number for number in range(500))
    for unknown in ("ada500.test", "alan0.test", "ada.test", "ada-1.test", "ada00.test", "", "ada0.example"):
        assert population.number_of_handle(unknown) is None


def test_every_sort_of_event_occurs() -> None:
    """Each entry of the mix can happen, and what cannot (an undo with nothing to undo) becomes something that can."""
    network = Network(seed=1, accounts=3, keep_records=False)
    for name in MIX:
        for number in range(3):
            seq, instant = network.clock.tick()
            act = network.traffic.opening_act(name, number, instant)
            assert network._frame(act, seq, instant)
