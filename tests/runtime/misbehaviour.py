"""Every way in which the guard knows a migration to misbehave, and a project in which one of five does."""

from __future__ import annotations

import textwrap

import pytest
from support import Folder

from nukeworks_migrate import up

CLIENTS = """
db.execute("CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
db.execute("INSERT INTO clients VALUES (1, 'first'), (2, 'second')")
"""
# Each is the body of the third of five migrations, and what its failure says.
MISBEHAVIOUR = {
    "an exception": ("raise RuntimeError('half way')", "RuntimeError: half way"),
    "a failed statement": ('db.execute("INSERT INTO clients VALUES (1, NULL)")', "UNIQUE constraint failed"),
    "SystemExit": ("raise SystemExit(0)", "SystemExit: 0"),
    "sys.exit": ("import sys; sys.exit()", "SystemExit"),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "GeneratorExit": ("raise GeneratorExit", "GeneratorExit"),
    "COMMIT": ('db.execute("COMMIT")', "COMMIT would end"),
    "END": ('db.execute("END")', "COMMIT would end"),
    "ROLLBACK": ('db.execute("ROLLBACK")', "ROLLBACK would end"),
    "BEGIN": ('db.execute("BEGIN")', "BEGIN would end"),
    "commit in a script": ('db.script("CREATE TABLE x (id); COMMIT; CREATE TABLE y (id)")', "COMMIT would end"),
    "connection.commit": ("db.connection.commit()", "commit() would end"),
    "connection.rollback": ("db.connection.rollback()", "rollback() would end"),
    "connection.close": ("db.connection.close()", "close() would end"),
    "connection.executescript": ('db.connection.executescript("SELECT 1")', "executescript() commits"),
    "cursor.executescript": ('db.connection.cursor().executescript("SELECT 1")', "executescript() commits"),
    "cursor.connection.commit": ("db.connection.cursor().connection.commit()", "commit() would end"),
    "with connection": ("with db.connection: pass", "whose end commits"),
    "isolation_level": ("db.connection.isolation_level = ''", "isolation_level decides"),
    "autocommit": ("db.connection.autocommit = False", "autocommit decides"),
    "set_authorizer": ("db.connection.set_authorizer(None)", "set_authorizer() is not given"),
    "deserialize": ("db.connection.deserialize(b'')", "deserialize() is not given"),
    "set_trace_callback": ("db.connection.set_trace_callback(print)", "set_trace_callback() is not given"),
    "PRAGMA foreign_keys": ('db.execute("PRAGMA foreign_keys = ON")', "PRAGMA foreign_keys changes"),
    "PRAGMA journal_mode": ('db.execute("PRAGMA journal_mode = OFF")', "PRAGMA journal_mode changes"),
    "PRAGMA writable_schema": ('db.execute("PRAGMA writable_schema = ON")', "PRAGMA writable_schema changes"),
    "ATTACH": ("db.execute(\"ATTACH 'other.sqlite' AS other\")", "ATTACH 'other.sqlite'"),
    "DETACH": ('db.execute("DETACH main")', "DETACH 'main'"),
    "VACUUM": ('db.execute("VACUUM")', "VACUUM"),
    "load_extension": ("db.scalar(\"SELECT load_extension('x')\")", "load_extension()"),
    "db.transaction": ("with db.transaction(): pass", "db.transaction() would end"),
    "the ledger written": ('db.execute("DELETE FROM schema_version")', "schema_version belongs"),
    "the ledger dropped": ('db.execute("DROP TABLE Schema_Version_Log")', "schema_version_log belongs"),
    "a trigger on the ledger": (
        'db.execute("CREATE TRIGGER t AFTER INSERT ON schema_version BEGIN SELECT 1; END")',
        "schema_version belongs",
    ),
    "a table of the framework's name": ('db.execute("CREATE TABLE schema_version_x (id)")', "schema_version_x belongs"),
    "a table renamed to the framework's name": (
        'db.execute("ALTER TABLE clients RENAME TO schema_version_x")',
        "schema_version_x belongs",
    ),
    "INSERT OR ROLLBACK": ('db.execute("INSERT OR ROLLBACK INTO clients VALUES (1, NULL)")', "UNIQUE constraint"),
    "RAISE(ROLLBACK)": (
        """
        db.execute("CREATE TRIGGER no BEFORE DELETE ON clients BEGIN SELECT RAISE(ROLLBACK, 'never'); END")
        db.execute("DELETE FROM clients")
        """,
        "never",
    ),
    "RELEASE of the runner's savepoint": (
        """
        name = db._session.guard._savepoint
        db.execute(f"RELEASE {name.upper()}")
        """,
        "RELEASE of the runner's own savepoint",
    ),
    "writes through a connection of its own": (
        """
        import sqlite3
        from contextlib import closing
        path = db.query("PRAGMA database_list")[0][2]
        with closing(sqlite3.connect(path, timeout=0.1)) as other:
            other.execute("DELETE FROM clients")
        """,
        "database is locked",
    ),
    "a coroutine": (
        """
        async def inner(): db.execute("CREATE TABLE x (id)")
        return inner()
        """,
        "returned a coroutine",
    ),
    "a generator": ("return (db.execute(sql) for sql in ['CREATE TABLE x (id)'])", "returned a generator"),
    "an unfinished cursor and an error": (
        """
        cursor = db.connection.execute("SELECT * FROM clients")
        cursor.fetchone()
        raise ValueError("cursor is open")
        """,
        "ValueError: cursor is open",
    ),
}


def four_of_five(folder: Folder) -> Folder:
    """Write five migrations and apply the first; the third is to be written by the test."""
    folder.add("0001_clients", CLIENTS)
    up(folder.project())
    folder.add("0002_before", 'db.execute("CREATE TABLE before (id)")\ndb.execute("DELETE FROM clients WHERE id = 2")')
    folder.add("0004_after", 'db.execute("CREATE TABLE after (id)")')
    folder.add("0005_last", 'db.execute("CREATE TABLE last (id)")')
    return folder


def swallowing(body: str) -> str:
    """The same body in a migration that catches everything and goes on."""
    return f"""
try:
{textwrap.indent(textwrap.dedent(body).strip(), "    ")}
except BaseException:
    pass
try:
    db.execute("CREATE TABLE y (id)")
except BaseException:
    pass
"""


# What a migration catches of these is its own affair: nothing got past the run, and it went on knowing.
OWN_AFFAIR = {
    "an exception",
    "a failed statement",
    "SystemExit",
    "sys.exit",
    "KeyboardInterrupt",
    "GeneratorExit",
    "writes through a connection of its own",
    "a coroutine",
    "a generator",
    "an unfinished cursor and an error",
}
CASES = [pytest.param(body, cause, id=kind) for kind, (body, cause) in MISBEHAVIOUR.items()]
CASES += [
    pytest.param(swallowing(body), cause, id=f"{kind}, swallowed")
    for kind, (body, cause) in MISBEHAVIOUR.items()
    if kind not in OWN_AFFAIR
]
