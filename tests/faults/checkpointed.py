"""Data work that is committed batch by batch, of kinds in which a row that is done twice, or never, is seen."""

from __future__ import annotations

import json
import shutil
import sqlite3
import textwrap
from collections.abc import Callable, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from faults.processes import MARK
from support import Folder, integrity

ROWS = 600
BATCH = 20
ALONE = 'transaction = "none"'
COMPANIONS = ("-journal", "-wal", "-shm")

# From how many rows each call is through with, in the order of the key: what the tables hold then.
Tables = dict[str, list[tuple]]
Expected = Callable[[Sequence[int]], Tables]


class Work(NamedTuple):
    """A migration without transaction, the tables that it works on, and what they hold at each place."""

    name: str
    setup: str
    upgrade: str
    calls: int
    expected: Expected
    downgrade: str = "pass"
    quarantined: Callable[[int], bool] = lambda row: False

    def __str__(self) -> str:
        return self.name


NUMBERS = f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})"
ALL = range(1, ROWS + 1)
TEXTS = f"CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO t {NUMBERS} SELECT i, 'row ' || i FROM n;"


def _marked(row: int, reached: int) -> str:
    return f"row {row}{'x' if row <= reached else ''}"


TRANSFORM = Work(
    "transform",
    TEXTS,
    # Each row that the function is called with is noted outside of the database: what a kill cost is seen there.
    f"""
    import os
    calls = os.open("calls", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def mark(id, text):
        os.write(calls, b"%d\\n" % id)
        return text + "x"

    db.transform("t", mark, reads=["id", "text"], writes=["text"], batch={BATCH})
    """,
    1,
    lambda reached: {"t": [(row, _marked(row, reached[0])) for row in ALL]},
    downgrade=f'db.transform("t", lambda text: text[:-1], reads=["text"], writes=["text"], batch={BATCH})',
)
DOWNGRADE = TRANSFORM._replace(
    name="downgrade",
    expected=lambda reached: {"t": [(row, _marked(row, 0 if row <= reached[0] else ROWS)) for row in ALL]},
)
COPY_ROWS = Work(
    "copy_rows",
    TEXTS + "CREATE TABLE parts (id INTEGER PRIMARY KEY, row_id INTEGER, part INTEGER);",
    f"""
    def parts(id):
        return [{{"row_id": id, "part": part}} for part in range(id % 3)]

    db.copy_rows("t", "parts", parts, reads=["id"], batch={BATCH})
    """,
    1,
    lambda reached: {
        "t": [(row, _marked(row, 0)) for row in ALL],
        "parts": [
            (number, row, part)
            for number, (row, part) in enumerate(
                ((row, part) for row in range(1, reached[0] + 1) for part in range(row % 3)), 1
            )
        ],
    },
)
UPDATE = Work(
    "update in chunks",
    f"CREATE TABLE t (id INTEGER PRIMARY KEY, value INTEGER); INSERT INTO t {NUMBERS} SELECT i, 0 FROM n;",
    f"""db.update("t", set={{"value": "value + 1"}}, where="id % 2 = 0", batch={BATCH})""",
    1,
    lambda reached: {"t": [(row, int(row <= reached[0] and row % 2 == 0)) for row in ALL]},
)
UPDATE_AT_ONCE = Work(
    "update at once",
    f"CREATE TABLE t (id INTEGER PRIMARY KEY, value INTEGER); INSERT INTO t {NUMBERS} SELECT i, 0 FROM n;",
    """db.update("t", set={"value": "value + 1"})""",
    1,
    lambda reached: {"t": [(row, int(reached[0] > 0)) for row in ALL]},
)
THREE_CALLS = Work(
    "two transforms and an update",
    f"CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT, value INTEGER);"
    f"INSERT INTO t {NUMBERS} SELECT i, 'row ' || i, 0 FROM n;",
    f"""
    db.transform("t", lambda text: text + "x", reads=["text"], writes=["text"], batch={BATCH})
    db.transform("t", lambda value: value + 1, reads=["value"], writes=["value"], batch={2 * BATCH})
    db.update("t", set={{"value": "value + 10", "text": "text || 'y'"}}, batch={BATCH})
    """,
    3,
    lambda reached: {
        "t": [
            (
                row,
                _marked(row, reached[0]) + ("y" if row <= reached[2] else ""),
                int(row <= reached[1]) + 10 * int(row <= reached[2]),
            )
            for row in ALL
        ]
    },
)
QUARANTINE = Work(
    "quarantine",
    TEXTS,
    f"""
    def mark(id, text):
        if id % 10 == 3:
            raise ValueError(f"not this one: {{text}}")
        return text + "x"

    db.transform(
        "t", mark, reads=["id", "text"], writes=["text"], batch={BATCH}, on_error="quarantine", max_errors={ROWS}
    )
    """,
    1,
    lambda reached: {"t": [(row, _marked(row, reached[0] if row % 10 != 3 else 0)) for row in ALL]},
    quarantined=lambda row: row % 10 == 3,
)
# Rows in the order of the key: a1 b1, a1 b2, … a1 b100, a2 b1, …
TWO_COLUMNS = Work(
    "a key of two columns, WITHOUT ROWID",
    "CREATE TABLE t (a TEXT, b INTEGER, text TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;"
    f"INSERT INTO t {NUMBERS} SELECT 'a' || ((i - 1) / 100), (i - 1) % 100, 'row ' || i FROM n;",
    f"""db.transform("t", lambda text: text + "x", reads=["text"], writes=["text"], batch={BATCH})""",
    1,
    lambda reached: {"t": [(f"a{(row - 1) // 100}", (row - 1) % 100, _marked(row, reached[0])) for row in ALL]},
)
TEXT_KEY = Work(
    "a text as key",
    f"CREATE TABLE t (code TEXT PRIMARY KEY, text TEXT); INSERT INTO t {NUMBERS}"
    " SELECT printf('é %04d', i), 'row ' || i FROM n ORDER BY i * 7919 % 601;",
    f"""db.transform("t", lambda text: text + "x", reads=["text"], writes=["text"], batch={BATCH})""",
    1,
    lambda reached: {"t": sorted((f"é {row:04}", _marked(row, reached[0])) for row in ALL)},
)
NO_KEY = Work(
    "no key at all",
    f"CREATE TABLE t (number INTEGER, text TEXT); INSERT INTO t {NUMBERS} SELECT i, 'row ' || i FROM n;",
    f"""db.transform("t", lambda text: text + "x", reads=["text"], writes=["text"], batch={BATCH})""",
    1,
    lambda reached: {"t": [(row, _marked(row, reached[0])) for row in ALL]},
)
TRIGGERS = Work(
    "a table with a trigger",
    TEXTS + "CREATE TABLE seen (id INTEGER PRIMARY KEY, row_id INTEGER);"
    "CREATE TRIGGER t_changed AFTER UPDATE ON t BEGIN INSERT INTO seen (row_id) VALUES (NEW.id); END;",
    f"""db.transform("t", lambda text: text + "x", reads=["text"], writes=["text"], batch={BATCH})""",
    1,
    lambda reached: {
        "t": [(row, _marked(row, reached[0])) for row in ALL],
        "seen": [(row, row) for row in range(1, reached[0] + 1)],
    },
)
TWO_ROWS_WRITTEN = Work(
    "several columns, rows left out",
    f"CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT, value INTEGER);"
    f"INSERT INTO t {NUMBERS} SELECT i, 'row ' || i, 0 FROM n;",
    f"""
    from nukeworks_migrate import SKIP

    def both(text, value):
        return SKIP if text.endswith("0") else {{"text": text + "x", "value": value + 1}}

    db.transform("t", both, reads=["text", "value"], writes=["text", "value"], batch={BATCH})
    """,
    1,
    lambda reached: {
        "t": [
            (row, _marked(row, reached[0] if row % 10 else 0), int(row <= reached[0] and row % 10 != 0)) for row in ALL
        ]
    },
)
WORKS = (
    TRANSFORM,
    DOWNGRADE,
    COPY_ROWS,
    UPDATE,
    UPDATE_AT_ONCE,
    THREE_CALLS,
    QUARANTINE,
    TWO_COLUMNS,
    TEXT_KEY,
    NO_KEY,
    TRIGGERS,
    TWO_ROWS_WRITTEN,
)


class State(NamedTuple):
    """What the database holds, as whoever opens it next finds it."""

    sound: str
    applied: bool
    begun: bool  # a beginning in the log, and no end
    reached: tuple[int, ...]  # how many rows each call is through with, as the checkpoints say
    tables: Tables
    quarantined: list[tuple[int, int]]  # key, and how often
    events: list[str]
    checkpoints: int


def look(folder: Folder, work: Work) -> State:
    """Open the database as any program would, which recovers it; in a copy, so that it stays for the command."""
    with _copied(folder) as copy:
        sound = integrity(copy)
        with closing(sqlite3.connect(copy)) as connection:
            return _state(connection, work, sound)


@contextmanager
def _copied(folder: Folder):
    copy = folder.path / "looked-at.sqlite"
    for ending in ("", *COMPANIONS):
        if Path(f"{folder.database}{ending}").exists():
            shutil.copyfile(f"{folder.database}{ending}", f"{copy}{ending}")
    try:
        yield copy
    finally:
        for ending in ("", *COMPANIONS):
            Path(f"{copy}{ending}").unlink(missing_ok=True)


def _state(connection: sqlite3.Connection, work: Work, sound: str) -> State:
    def rows(sql: str, table: str) -> list[tuple]:
        there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        return connection.execute(sql).fetchall() if there else []

    down = work is DOWNGRADE
    events = [event for (event,) in rows("SELECT event FROM schema_version_log ORDER BY id", "schema_version_log")]
    there = bool(rows("SELECT 1 FROM schema_version WHERE version = 1", "schema_version"))
    checkpoints = rows(
        "SELECT number, last_key, visited, done FROM schema_version_checkpoint ORDER BY number",
        "schema_version_checkpoint",
    )
    applied = not there if down else there
    saved = {number: visited if not done else ROWS for number, _, visited, done in checkpoints}
    reached = tuple(ROWS if applied else saved.get(number, 0) for number in range(1, work.calls + 1))
    tables = {name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall()) for name in work.expected(reached)}
    quarantined = rows(
        "SELECT row_key, count(*) FROM schema_version_quarantine GROUP BY row_key", "schema_version_quarantine"
    )
    return State(
        sound,
        applied,
        begun=[event for event in events if event != "failed"][-1:] == ["started"],
        reached=reached,
        tables=tables,
        quarantined=sorted((json.loads(key)[0], count) for key, count in quarantined),
        events=events,
        checkpoints=len(checkpoints),
    )


def assert_agrees(state: State, work: Work) -> None:
    """Rows and checkpoints say the same: each row that is said to be done is done, once, and no other is."""
    assert state.sound == "ok"
    assert state.tables == work.expected(state.reached)
    wanted = [(row, 1) for row in range(1, state.reached[0] + 1) if work.quarantined(row)]
    assert state.quarantined == wanted
    if not state.begun:
        assert state.checkpoints == 0


def make(folder: Folder, work: Work, journal_mode: str = "delete") -> None:
    """Write the migration and make the database as an application has it."""
    folder.sql(f"PRAGMA journal_mode = {journal_mode}; {work.setup}")
    upgrade, downgrade = (MARK + textwrap.dedent(body).strip() for body in (work.upgrade, work.downgrade))
    folder.add("0001_work", upgrade, downgrade, head=ALONE)
