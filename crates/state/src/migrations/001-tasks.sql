-- Tasks in the order they were made; `seq` grows and is never used again.
CREATE TABLE tasks (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    agent_name  TEXT NOT NULL,
    task_type   TEXT NOT NULL,
    profile     TEXT,
    model       TEXT,
    state       TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed')),
    input       TEXT NOT NULL,
    result      TEXT,
    error       TEXT,
    created_ns  INTEGER NOT NULL,
    finished_ns INTEGER,
    trace_id    TEXT,
    tokens      INTEGER,
    cost_pusd   INTEGER
) STRICT;
-- Found at start: what was under way when the daemon stopped.
CREATE INDEX tasks_unfinished ON tasks (state) WHERE state IN ('queued', 'running');
