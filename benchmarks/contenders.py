"""What transforms.py measures: programs that fill projects.capacity from the text in projects.capacity_text.

    python contenders.py NAME

It does so in `app.sqlite` of the current folder, and prints as JSON how many seconds the transform took, by the wall
clock and of the processor, and the peak memory of the process. The seconds are those of the work alone: of this
framework from the start of the step until the run is committed, of a program by hand from BEGIN to COMMIT, of another
tool its call that upgrades, with the modules that it needs imported before. The function is the same in all of them;
migrations import it from here. The other tools do it as they document it:

- Alembic, a row at a time: an ad-hoc `sa.table()` and `op.get_bind()`, as "Operation Reference", `Operations.execute`
  has it (https://alembic.sqlalchemy.org/en/latest/ops.html#alembic.operations.Operations.execute).
- Alembic, executemany: its bind, and `bindparam()` with a list of parameters, as the SQLAlchemy tutorial's "Using
  UPDATE and DELETE Statements" has it (https://docs.sqlalchemy.org/en/20/tutorial/data_update.html).
- yoyo: a step that is a function with a cursor, applied from Python code (https://ollycope.com/software/yoyo/latest/).
- caribou: `upgrade(connection)` with a statement for each row, and a commit at its end, as its example has it
  (https://pypi.org/project/caribou/).
- sqlite-utils: `table.convert()` with `output=`, "Converting data in columns"
  (https://sqlite-utils.datasette.io/en/stable/python-api.html#converting-data-in-columns).

Each imports what it needs and no more: what stands at the top of this file is in everybody's memory.
"""

from __future__ import annotations

import json
import sys
import time
from typing import NamedTuple

from peak import peak_mib

BATCH = 10_000
SELECT = "SELECT id, capacity_text FROM projects"
UPDATE = "UPDATE projects SET capacity = ? WHERE id = ?"


class Seconds(NamedTuple):
    wall: float
    cpu: float  # of this process


def now() -> Seconds:
    return Seconds(time.perf_counter(), time.process_time())


def since(started: Seconds, until: Seconds | None = None) -> Seconds:
    until = until or now()
    return Seconds(until.wall - started.wall, until.cpu - started.cpu)


def megawatts(capacity_text):
    return float(capacity_text.removesuffix(" MW"))


def ours() -> Seconds:
    return _ours("", "")


def ours_checkpointed() -> Seconds:
    return _ours('transaction = "none"\n', f", batch={BATCH}")


def _ours(header: str, argument: str) -> Seconds:
    _write(
        "versions/0001_fill_capacity.py",
        f'''"""Fill the capacity."""

from contenders import megawatts

{header}
def upgrade(db):
    db.transform("projects", megawatts, reads=["capacity_text"], writes=["capacity"]{argument})
''',
    )
    from nukeworks_migrate import Project, events, up

    last: dict[type, Seconds] = {}

    def listen(event: object) -> None:
        last[type(event)] = now()

    up(Project("app.sqlite"), on_event=listen)
    return since(last[events.StepStarted], last[events.Committed])


def by_hand_update() -> Seconds:
    """The function as an SQL function, and one UPDATE."""
    connection = _connection()
    started = now()
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE projects SET capacity = megawatts(capacity_text)")
    connection.execute("COMMIT")
    return since(started)


def by_hand_update_in_pages() -> Seconds:
    """The function as an SQL function, and one UPDATE for each page of the key."""
    connection = _connection()
    started = now()
    connection.execute("BEGIN IMMEDIATE")
    at = 0
    while True:
        page = "SELECT id FROM projects WHERE id > ? ORDER BY id LIMIT ?"
        (last,) = connection.execute(f"SELECT max(id) FROM ({page})", (at, BATCH)).fetchone()
        if last is None:
            break
        connection.execute(
            "UPDATE projects SET capacity = megawatts(capacity_text) WHERE id > ? AND id <= ?", (at, last)
        )
        at = last
    connection.execute("COMMIT")
    return since(started)


def by_hand_executemany() -> Seconds:
    """The rows fetched in pages of the key, and each page written by executemany."""
    connection = _connection()
    started = now()
    connection.execute("BEGIN IMMEDIATE")
    at = 0
    while rows := connection.execute(f"{SELECT} WHERE id > ? ORDER BY id LIMIT ?", (at, BATCH)).fetchall():
        connection.executemany(UPDATE, [(megawatts(text), key) for key, text in rows])
        at = rows[-1][0]
    connection.execute("COMMIT")
    return since(started)


def _connection():
    import sqlite3

    connection = sqlite3.connect("app.sqlite", isolation_level=None)
    connection.create_function("megawatts", 1, megawatts, deterministic=True)
    return connection


def alembic_a_row_at_a_time() -> Seconds:
    return _alembic(
        """
    for row in bind.execute(sa.select(projects.c.id, projects.c.capacity_text)):
        capacity = megawatts(row.capacity_text)
        bind.execute(projects.update().where(projects.c.id == row.id).values(capacity=capacity))
"""
    )


def alembic_executemany() -> Seconds:
    return _alembic(
        """
    update = projects.update().where(projects.c.id == sa.bindparam("key")).values(capacity=sa.bindparam("capacity"))
    rows = bind.execute(sa.select(projects.c.id, projects.c.capacity_text))
    bind.execute(update, [{"key": row.id, "capacity": megawatts(row.capacity_text)} for row in rows])
"""
    )


def _alembic(body: str) -> Seconds:
    _write(
        "alembic/env.py",
        """from alembic import context
from sqlalchemy import create_engine, pool

engine = create_engine("sqlite:///app.sqlite", poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
""",
    )
    _write(
        "alembic/versions/0001_fill_capacity.py",
        f'''"""Fill the capacity."""

import sqlalchemy as sa
from alembic import op
from contenders import megawatts

revision = "0001"
down_revision = None


def upgrade():
    projects = sa.table(
        "projects", sa.column("id", sa.Integer), sa.column("capacity_text", sa.String), sa.column("capacity", sa.Float)
    )
    bind = op.get_bind()
{body}
''',
    )
    import sqlalchemy.dialects.sqlite  # noqa: F401  otherwise imported within the measured time
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "alembic")
    started = now()
    command.upgrade(config, "head")
    return since(started)


def yoyo() -> Seconds:
    _write(
        "yoyo/0001.fill-capacity.py",
        f'''"""Fill the capacity."""

from contenders import megawatts
from yoyo import step

def apply_step(conn):
    cursor = conn.cursor()
    cursor.execute("{SELECT}")
    for key, text in cursor.fetchall():
        cursor.execute("{UPDATE}", (megawatts(text), key))


steps = [step(apply_step)]
''',
    )
    from yoyo import get_backend, read_migrations

    started = now()
    backend = get_backend("sqlite:///app.sqlite")
    migrations = read_migrations("yoyo")
    with backend.lock():
        backend.apply_migrations(backend.to_apply(migrations))
    return since(started)


def caribou() -> Seconds:
    _write(
        "caribou/v20260101000000_fill_capacity.py",
        f'''"""Fill the capacity."""

from contenders import megawatts


def upgrade(connection):
    for key, text in connection.execute("{SELECT}"):
        connection.execute("{UPDATE}", [megawatts(text), key])
    connection.commit()


def downgrade(connection):
    pass
''',
    )
    import caribou

    started = now()
    caribou.upgrade("app.sqlite", "caribou")
    return since(started)


def sqlite_utils() -> Seconds:
    import sqlite_utils

    db = sqlite_utils.Database("app.sqlite")
    started = now()
    db["projects"].convert("capacity_text", megawatts, output="capacity", output_type=float)
    return since(started)


def _write(path: str, text: str) -> None:
    import os

    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    took = globals()[sys.argv[1]]()
    print(json.dumps({"seconds": took.wall, "cpu_s": took.cpu, "peak_mib": peak_mib()}))
