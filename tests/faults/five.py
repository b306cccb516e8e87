"""A database in use and five migrations that change megabytes of it, more than SQLite keeps in memory."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from support import Folder, content

ROWS = 2500  # of about 1 KB: SQLite's page cache takes 2 MB, and what is more spills into the file before the commit


def make_in_use(folder: Folder, journal_mode: str) -> None:
    """Make a database as an application has it that never heard of migrations."""
    folder.sql(
        f"""
        PRAGMA journal_mode = {journal_mode};
        CREATE TABLE readings (id INTEGER PRIMARY KEY, note TEXT, size INTEGER);
        INSERT INTO readings (id, note)
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
            SELECT i, 'reading ' || printf('%06d', i * 7919 % 1000003) || printf('%.980c', 'x') FROM n;
        CREATE TABLE notes (number INTEGER PRIMARY KEY);
        """
    )


def add_five(folder: Folder) -> None:
    """Write the five; each of them takes back exactly what it did."""
    folder.add(
        "0001_copies",
        'db.execute("CREATE TABLE copies (id INTEGER PRIMARY KEY, note TEXT)")\n'
        'db.execute("INSERT INTO copies SELECT id, note FROM readings")',
        'db.execute("DROP TABLE copies")',
    )
    folder.add(
        "0002_words",
        """
        db.execute("ALTER TABLE readings ADD COLUMN word TEXT")
        db.execute("UPDATE readings SET note = upper(note), word = substr(note, 9, 6)")
        """,
        """
        db.execute("UPDATE readings SET note = lower(note)")
        db.execute("ALTER TABLE readings DROP COLUMN word")
        """,
    )
    folder.add(
        "0003_size",
        'db.transform("readings", lambda note: len(note), reads=["note"], writes=["size"])',
        'db.execute("UPDATE readings SET size = NULL")',
    )
    folder.add(
        "0004_index",
        'db.execute("CREATE INDEX copies_by_note ON copies (note)")',
        'db.execute("DROP INDEX copies_by_note")',
    )
    folder.add(
        "0005_half",
        'db.execute("DELETE FROM copies WHERE id % 2 = 1")',
        """
        db.execute("INSERT INTO copies SELECT id, lower(note) FROM readings WHERE id % 2 = 1")
        """,
    )


def logical_content(path: Path) -> list[str]:
    """The content of the database and of its ledger, without what differs from run to run: times and random ids."""
    found = content(path, framework=False)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if "schema_version" in tables:
            found += _lines(connection, "schema_version", "version, applied_by, description, name, checksum, position")
        if "schema_version_log" in tables:
            columns = "id, event, version, name, direction, checksum, who, host, tool_version, snapshot IS NULL"
            found += _lines(connection, "schema_version_log", columns)
        if "schema_version_source" in tables:
            found += _lines(connection, "schema_version_source", "checksum, file, text")
    return found


def _lines(connection: sqlite3.Connection, table: str, columns: str) -> list[str]:
    rows = connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2").fetchall()
    return [f"table {table}", *(f"{table}: {row!r}" for row in rows)]
