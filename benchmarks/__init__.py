"""Reproducible benchmarks, each runnable as `python -m benchmarks.NAME`, with every rival in the same run."""
