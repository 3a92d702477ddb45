"""`python -m indexer` is the `indexer` command."""

import sys

from indexer.cli import main

sys.exit(main())
