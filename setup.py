"""The Cython extensions and the environment switches that change how they are built.

Everything else about the package stands in pyproject.toml.

INDEXER_DEBUG=1     -O0 -g, Cython bounds checks stay as the files say
INDEXER_SANITIZE=1  -fsanitize=address,undefined (run with libasan preloaded, see docs/TESTING.md)
INDEXER_WERROR=1    compiler warnings are errors (CI sets it)
INDEXER_ONLY=a,b    build only these modules of indexer/_fastpath (a developer's shortcut)
"""

from __future__ import annotations

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

FASTPATH = Path("indexer/_fastpath")


def switched_on(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


def compile_args() -> list[str]:
    args = ["-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-unused-function"]
    if switched_on("INDEXER_SANITIZE"):
        args += ["-O1", "-g1", "-fno-omit-frame-pointer", "-fsanitize=address,undefined"]
    else:
        args += ["-O0", "-g"] if switched_on("INDEXER_DEBUG") else ["-O3"]
    if switched_on("INDEXER_WERROR"):
        args.append("-Werror")
    return args


def extensions() -> list[Extension]:
    only = [name for name in os.environ.get("INDEXER_ONLY", "").split(",") if name]
    link_args = ["-fsanitize=address,undefined"] if switched_on("INDEXER_SANITIZE") else []
    return [
        Extension(
            f"indexer._fastpath.{source.stem}",
            [str(source)],
            include_dirs=[str(FASTPATH)],
            depends=[str(header) for header in sorted(FASTPATH.glob("*.h"))],
            extra_compile_args=compile_args(),
            extra_link_args=link_args,
        )
        for source in sorted(FASTPATH.glob("*.pyx"))
        if not only or source.stem in only
    ]


setup(ext_modules=cythonize(extensions(), compiler_directives={"language_level": 3}))
