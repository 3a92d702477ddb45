"""A slow, obvious model of repositories, on other people's codecs (libipld, cryptography).

`root_of` builds a tree's root from its contents alone. `check_commit` reads a `#commit` frame, checks
everything that a frame can prove by itself and undoes its operations on the partial tree that the frame
carries.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

import libipld
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
ORDERS = {
    "secp256k1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
}


def cid_of(block: bytes) -> str:
    cid = b"\x01\x71\x12\x20" + hashlib.sha256(block).digest()
    return "b" + base64.b32encode(cid).decode().rstrip("=").lower()


class _Cid(str):
    """A CID among strings."""


def encode(value: Any) -> bytes:
    """DAG-CBOR by the book: nothing shared with the code under test."""
    match value:
        case None:
            return b"\xf6"
        case _Cid():
            body = value[1:].upper()
            raw = base64.b32decode(body + "=" * (-len(body) % 8))
            return b"\xd8\x2a\x58\x25\x00" + raw
        case int():
            return _head(0, value)
        case bytes():
            return _head(2, len(value)) + value
        case str():
            return _head(3, len(value.encode())) + value.encode()
        case list():
            return _head(4, len(value)) + b"".join(map(encode, value))
        case dict():
            keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
            return _head(5, len(value)) + b"".join(encode(key) + encode(value[key]) for key in keys)
    raise TypeError(value)


def _head(major: int, value: int) -> bytes:
    for size, marker in ((0, None), (1, 24), (2, 25), (4, 26), (8, 27)):
        if marker is None and value < 24:
            return bytes((major << 5 | value,))
        if marker is not None and value < 1 << 8 * size:
            return bytes((major << 5 | marker,)) + value.to_bytes(size, "big")
    raise ValueError(value)


def layer_of(key: bytes) -> int:
    bits = f"{int.from_bytes(hashlib.sha256(key).digest(), 'big'):0256b}"
    return (len(bits) - len(bits.lstrip("0"))) // 2


# --- trees --------------------------------------------------------------------------------------------------


@dataclass
class Node:
    """Children and keys alternate: children[i] lies before keys[i]. A child may be an unread CID."""

    layer: int
    keys: list[bytes] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    children: list[Node | str | None] = field(default_factory=lambda: [None])


def root_of(records: dict[bytes, str]) -> str:
    """The root CID of the tree that holds exactly these records."""
    blocks: dict[str, bytes] = {}
    return write(build(sorted(records.items())), blocks)


def build(items: list[tuple[bytes, str]], layer: int | None = None) -> Node | None:
    if layer is None:
        layer = max((layer_of(key) for key, _ in items), default=0)
    node = Node(layer, children=[])
    run: list[tuple[bytes, str]] = []
    for key, value in items:
        if layer_of(key) == layer:
            node.children.append(build(run, layer - 1) if run else None)
            node.keys.append(key)
            node.values.append(value)
            run = []
        else:
            run.append((key, value))
    node.children.append(build(run, layer - 1) if run else None)
    return node


def write(node: Node | str | None, blocks: dict[str, bytes]) -> str:
    """Encode a tree into blocks; gives its CID."""
    if isinstance(node, str):
        return node
    if node is None:
        node = Node(0)
    cids = [None if child is None else _Cid(write(child, blocks)) for child in node.children]
    entries, before = [], b""
    for key, value, right in zip(node.keys, node.values, cids[1:], strict=True):
        shared = 0
        while shared < min(len(key), len(before)) and key[shared] == before[shared]:
            shared += 1
        entries.append({"k": key[shared:], "p": shared, "t": right, "v": _Cid(value)})
        before = key
    block = encode({"e": entries, "l": cids[0]})
    blocks[cid_of(block)] = block
    return cid_of(block)


class PartialTree:
    """A tree of which only some nodes are at hand; touching another one raises KeyError."""

    def __init__(self, root: str, blocks: dict[str, bytes]) -> None:
        self.blocks = blocks
        self.root: Node | None = self.read(root, None)
        if self.root is not None and not self.root.keys and self.root.children == [None]:
            self.root = None

    def read(self, child: Node | str | None, layer: int | None) -> Node | None:
        if child is None or isinstance(child, Node):
            return child
        raw: dict[str, Any] = libipld.decode_dag_cbor(self.blocks[child])
        node = Node(layer if layer is not None else 0, children=[_text(raw["l"])])
        before = b""
        for entry in raw["e"]:
            before = before[: entry["p"]] + entry["k"]
            node.keys.append(before)
            node.values.append(_text(entry["v"]) or "")
            node.children.append(_text(entry["t"]))
        assert node.keys == sorted(set(node.keys))
        if layer is None and node.keys:
            node.layer = layer_of(node.keys[0])
        assert all(layer_of(key) == node.layer for key in node.keys)
        return node

    def child(self, node: Node, index: int) -> Node | None:
        read = self.read(node.children[index], node.layer - 1)
        node.children[index] = read
        return read

    def get(self, key: bytes) -> str | None:
        node = self.root
        while node is not None:
            index = sum(1 for other in node.keys if other < key)
            if index < len(node.keys) and node.keys[index] == key:
                return node.values[index]
            node = self.child(node, index)
        return None

    def insert(self, key: bytes, value: str) -> None:
        layer = layer_of(key)
        below, above = self.split(self.root, key)
        if self.root is None or layer > self.root.layer:
            self.root = Node(
                layer, [key], [value], [self.lift(below, layer - 1), self.lift(above, layer - 1)]
            )
            return
        self.root = self._insert(self.root, key, value, layer)

    def _insert(self, node: Node | None, key: bytes, value: str, layer: int, at: int | None = None) -> Node:
        if node is None:
            assert at is not None
            node = Node(at)
        index = sum(1 for other in node.keys if other < key)
        if node.layer == layer:
            below, above = self.split(self.child(node, index), key)
            node.keys.insert(index, key)
            node.values.insert(index, value)
            node.children[index : index + 1] = [below, above]
        else:
            node.children[index] = self._insert(self.child(node, index), key, value, layer, node.layer - 1)
        return node

    def lift(self, node: Node | None, layer: int) -> Node | None:
        while node is not None and node.layer < layer:
            node = Node(node.layer + 1, [], [], [node])
        return node

    def split(self, node: Node | None, key: bytes) -> tuple[Node | None, Node | None]:
        """Two new trees; the old one stays as it is."""
        if node is None:
            return None, None
        index = sum(1 for other in node.keys if other < key)
        below, above = self.split(self.child(node, index), key)
        left = Node(node.layer, node.keys[:index], node.values[:index], [*node.children[:index], below])
        right = Node(node.layer, node.keys[index:], node.values[index:], [above, *node.children[index + 1 :]])
        return self.unless_empty(left), self.unless_empty(right)

    @staticmethod
    def unless_empty(node: Node) -> Node | None:
        return None if not node.keys and node.children == [None] else node

    def delete(self, key: bytes) -> None:
        assert self.root is not None
        self.root = self._delete(self.root, key)
        while self.root is not None and not self.root.keys:
            self.root = self.child(self.root, 0)

    def _delete(self, node: Node, key: bytes) -> Node | None:
        index = sum(1 for other in node.keys if other < key)
        if index < len(node.keys) and node.keys[index] == key:
            joined = self.join(self.child(node, index), self.child(node, index + 1))
            node.keys.pop(index)
            node.values.pop(index)
            node.children[index : index + 2] = [joined]
        else:
            child = self.child(node, index)
            assert child is not None, key
            node.children[index] = self._delete(child, key)
        return self.unless_empty(node)

    def join(self, left: Node | None, right: Node | None) -> Node | None:
        if left is None or right is None:
            return left or right
        middle = self.join(self.child(left, -1), self.child(right, 0))
        children = [*left.children[:-1], middle, *right.children[1:]]
        return Node(left.layer, left.keys + right.keys, left.values + right.values, children)


def _text(cid: Any) -> str | None:
    if cid is None:
        return None
    if isinstance(cid, str):
        return cid
    return "b" + base64.b32encode(bytes(cid)).decode().rstrip("=").lower()


# --- frames -------------------------------------------------------------------------------------------------


def read_frame(frame: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and payload, by libipld."""
    header, payload = libipld.decode_dag_cbor_multi(frame)
    return header, payload


def read_car(data: bytes) -> tuple[str, dict[str, bytes]]:
    """The root and the blocks, each checked against its CID."""
    header, _ = libipld.decode_car(data)
    blocks: dict[str, bytes] = {}
    offset = 1 + data[0]
    while offset < len(data):
        length, shift = 0, 0
        while True:
            byte = data[offset]
            offset += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        cid = _text(data[offset : offset + 36])
        block = data[offset + 36 : offset + length]
        assert cid == cid_of(block)
        blocks[cid] = block
        offset += length
    assert offset == len(data)
    return _text(header["roots"][0]) or "", blocks


def public_key(document: dict[str, Any]) -> ec.EllipticCurvePublicKey:
    """The signing key of a DID document, either form."""
    method = document["verificationMethod"][0]
    number = 0
    for character in method["publicKeyMultibase"][1:]:
        number = number * 58 + ALPHABET.index(character)
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    if method["type"] == "Multikey":
        curve: ec.EllipticCurve = {b"\xe7\x01": ec.SECP256K1(), b"\x80\x24": ec.SECP256R1()}[raw[:2]]
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, raw[2:])
    curve = ec.SECP256K1() if "secp256k1" in method["type"].lower() else ec.SECP256R1()
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, raw)


def check_signature(key: ec.EllipticCurvePublicKey, message: bytes, signature: bytes) -> None:
    """Raises InvalidSignature; high s counts as invalid."""
    check_signature_of_digest(key, hashlib.sha256(message).digest(), signature)


def check_signature_of_digest(key: ec.EllipticCurvePublicKey, digest: bytes, signature: bytes) -> None:
    """As `check_signature`, given the message's SHA-256."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    assert len(signature) == 64
    assert s <= ORDERS[key.curve.name] // 2
    key.verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(SHA256())))


def check_commit(frame: bytes, document: dict[str, Any] | None) -> dict[str, Any]:
    """Everything that a `#commit` frame proves by itself; gives its payload, raises on the first error. Without a
    document the signature is not looked at."""
    header, payload = read_frame(frame)
    assert header == {"op": 1, "t": "#commit"}
    root, blocks = read_car(payload["blocks"])
    assert root == _text(payload["commit"])
    commit: dict[str, Any] = libipld.decode_dag_cbor(blocks[root])
    assert set(commit) == {"did", "rev", "data", "prev", "version", "sig"}
    assert (commit["did"], commit["rev"], commit["version"]) == (payload["repo"], payload["rev"], 3)
    assert commit["prev"] is None
    data = _text(commit["data"]) or ""
    unsigned = {**commit, "data": _Cid(data)}
    signature = unsigned.pop("sig")
    if document is not None:
        check_signature(public_key(document), encode(unsigned), signature)
    if payload.get("prevData") is None:
        assert payload["since"] is None
        return payload
    tree = PartialTree(data, blocks)
    for op in payload["ops"]:
        key = op["path"].encode()
        assert tree.get(key) == _text(op["cid"]), op
        if op["cid"] is not None:
            assert _text(op["cid"]) in blocks
    for op in reversed(payload["ops"]):
        key = op["path"].encode()
        if op["action"] != "delete":
            tree.delete(key)
        if op["action"] != "create":
            tree.insert(key, _text(op["prev"]) or "")
    assert write(tree.root, {}) == _text(payload["prevData"])
    return payload
