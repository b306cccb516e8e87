"""What a SQLite file holds, read without the framework, so that the tests have a second opinion."""

import sqlite3
from contextlib import closing
from typing import NamedTuple

FRAMEWORK_PREFIX = "schema_version"  # the framework's own tables begin with it
BUT_SNAPSHOTS = {"database_snapshots": "WHERE snapshot_type IS NOT 'MIGRATION_BACKUP'"}


class Table(NamedTuple):
    """One table as SQLite describes it; whether by CREATE TABLE or ALTER TABLE makes no difference."""

    columns: tuple  # name, type, not null, default, place in the primary key; in order
    unique: frozenset  # column names of each UNIQUE constraint
    foreign_keys: frozenset  # column, table, column
    indexes: frozenset  # name, columns, unique; of CREATE INDEX only


def query(path, sql, params=()):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, params).fetchall()


def execute(path, sql, params=()):
    """Run one statement with foreign keys checked, and return the rowid of what it inserted."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        return connection.execute(sql, params).lastrowid


def insert(path, table, **values):
    """Insert one row and return its rowid."""
    marks = ", ".join("?" * len(values))
    return execute(path, f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))


def all_tables(path):
    names = query(path, "SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name for (name,) in names if not name.startswith("sqlite_")}


def tables_of(path):
    """The application's tables: all but the framework's."""
    return {name for name in all_tables(path) if not name.startswith(FRAMEWORK_PREFIX)}


def schema_of(path):
    """Each of the application's tables by name, as a Table."""
    with closing(sqlite3.connect(path)) as connection:
        return {name: _table(connection, name) for name in tables_of(path)}


def rows_of(path):
    """The rows of each of the application's tables, sorted.

    The framework lists its snapshots in the application's database_snapshots; those rows are left out.
    """
    with closing(sqlite3.connect(path)) as connection:
        return {
            name: sorted(connection.execute(f"SELECT * FROM {name} {BUT_SNAPSHOTS.get(name, '')}"), key=repr)
            for name in tables_of(path)
        }


def broken_references(path):
    return query(path, "PRAGMA foreign_key_check")


def _table(connection, name):
    unique, indexes = set(), set()
    for _, index, is_unique, origin, _ in connection.execute(f"PRAGMA index_list({name})"):
        columns = tuple(column for _, _, column in connection.execute(f"PRAGMA index_info({index})"))
        if origin == "c":
            indexes.add((index, columns, bool(is_unique)))
        elif origin == "u":
            unique.add(columns)
    return Table(
        columns=tuple(
            (column, kind, bool(not_null), default, place)
            for _, column, kind, not_null, default, place in connection.execute(f"PRAGMA table_info({name})")
        ),
        unique=frozenset(unique),
        foreign_keys=frozenset(
            (column, parent, key)
            for _, _, parent, column, key, *_ in connection.execute(f"PRAGMA foreign_key_list({name})")
        ),
        indexes=frozenset(indexes),
    )
