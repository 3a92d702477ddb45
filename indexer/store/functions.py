"""The functions of the writer's session: runs of statements that go to Postgres as one message.

The session has a core of its own, and waits wherever Python has to answer it between two statements: half a millisecond
and more while other threads hold the interpreter. Where Python needs no answer in between, the statements are called
one after the other by a function that lives as long as the session (pg_temp), each still planned once and kept.

Owns which statements these are and their parameters; what they do, their files say.
"""

from __future__ import annotations

from indexer.records.collections import BLOCK, FOLLOW, LIKE, POST, REPOST
from indexer.store.edges import EDGES
from indexer.store.sql import load

_OF_A_WAVE = {
    "post_delete": "integer, integer",
    "post_insert": "integer, integer, bytea",
    "post_lean_likes": "integer, integer, bytea",
    "post_lean_reposts": "integer, integer, bytea",
}
_OF_A_BATCH = {
    "post_count_save": "",
    "actor_count_save": "",
    "repo_state_save": "bigint[], smallint[]",
    "actor_first_event": "bigint[], bigint[]",
    "dropped_save": "text[], bigint[], bigint[], bigint[], text[]",
    "identity_event": "bigint[]",
    "cursor_save": "text, text, bigint, bigint",
    "last_batch_save": "uuid, bigint",
}


def definitions() -> str:
    """The statements that make the functions, in a session that has its staging tables (stage.sql)."""
    made = [edge.functions for edge in EDGES]
    made += [
        load("function", function=name, parameters=parameters, statement=load(name))
        for name, parameters in (_OF_A_WAVE | _OF_A_BATCH).items()
    ]
    made.append(
        load(
            "function",
            function="search_enqueue",
            parameters="bigint[]",
            statement=load("search_enqueue", post=POST),
        )
    )
    made.append(load("wave", like=LIKE, repost=REPOST, follow=FOLLOW, block=BLOCK, post=POST))
    made.append(load("batch_end"))
    return ";\n".join(made)
