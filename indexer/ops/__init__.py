"""What operators see and need beside the data: logs, metrics, health, progress, embedded servers, bridges.

    logs.py      structured logs                  metrics.py   every metric's definition
    health.py    live, ready, /metrics            progress.py  bars and log lines of long work
    dashboard.py the page that shows them         embedded/    Postgres and Valkey of our own

Imports nothing but errors and config, so that every package with I/O may report here.
"""
