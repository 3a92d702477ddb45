"""A certificate for localhost, for servers that benchmarks and tests start."""

from __future__ import annotations

from pathlib import Path

import trustme


def write_certificate(directory: Path) -> Path:
    """Write a new key, its certificate and that of the authority to trust, as one PEM file; returns its path."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    path = directory / "localhost.pem"
    for number, part in enumerate((issued.private_key_and_cert_chain_pem, authority.cert_pem)):
        part.write_to_path(path, append=number > 0)
    return path
