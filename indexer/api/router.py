"""From a method's name to its endpoint.

Every module in `indexer/api/endpoints/` that defines ENDPOINT adds one: adding an endpoint is adding a file.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

from indexer.api import endpoints
from indexer.api.endpoint import Endpoint
from indexer.errors import InvalidRequest, InvariantBroken, XrpcError


class MethodNotImplemented(XrpcError):
    """The method is not served here (501)."""

    def __init__(self) -> None:
        super().__init__(501, "MethodNotImplemented", "Method Not Implemented")


@cache
def all_endpoints() -> dict[str, Endpoint[Any]]:
    """Every endpoint by its NSID."""
    found: dict[str, Endpoint[Any]] = {}
    for module in pkgutil.walk_packages(endpoints.__path__, endpoints.__name__ + "."):
        if module.ispkg:
            continue
        endpoint = getattr(importlib.import_module(module.name), "ENDPOINT", None)
        if not isinstance(endpoint, Endpoint):
            raise InvariantBroken(f"{module.name} defines no ENDPOINT")
        if endpoint.nsid in found:
            raise InvariantBroken(f"{endpoint.nsid} is defined twice, the second time in {module.name}")
        found[endpoint.nsid] = endpoint
    return found


def find_endpoint(nsid: str, method: str) -> Endpoint[Any]:
    """The endpoint for an HTTP method and NSID. Raises MethodNotImplemented where
    there is none, InvalidRequest for the wrong HTTP method.
    """
    endpoint = all_endpoints().get(nsid)
    if endpoint is None:
        raise MethodNotImplemented
    expected = "GET" if endpoint.body is None else "POST"
    if method != expected and not (method == "HEAD" and expected == "GET"):
        raise InvalidRequest(f"Incorrect HTTP method ({method}) expected {expected}")
    return endpoint
