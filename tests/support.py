"""What the tests build with: a project in a folder, the content of a database, real processes."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

from nukeworks_migrate import Project

REPOSITORY = Path(__file__).resolve().parents[1]
MIGRATE = [sys.executable, "-m", "nukeworks_migrate"]


class Folder:
    """A project in a folder of its own: versions/, snapshots/, app.sqlite."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.versions = path / "versions"
        self.versions.mkdir(parents=True, exist_ok=True)
        self.database = path / "app.sqlite"

    def project(self, **settings) -> Project:
        return Project("app.sqlite", base=self.path, **settings)

    def write(self, name: str, text: str) -> Path:
        """Write a file of versions/ as it stands; `name` with its ending."""
        path = self.versions / name
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    def add(
        self,
        name: str,
        upgrade: str = "pass",
        downgrade: str | None = "pass",
        *,
        depends_on: str = "",
        head: str = "",
    ) -> Path:
        """Write a migration whose functions have these bodies; `depends_on` is names with spaces between."""
        lines = [f'"""{name} does something."""', ""]
        if depends_on:
            lines += [f"depends_on = {depends_on.split()!r}", ""]
        if head:
            lines += [textwrap.dedent(head).strip(), ""]
        lines += ["", "def upgrade(db):", textwrap.indent(textwrap.dedent(upgrade).strip(), "    ")]
        if downgrade is not None:
            lines += ["", "", "def downgrade(db):", textwrap.indent(textwrap.dedent(downgrade).strip(), "    ")]
        return self.write(f"{name}.py", "\n".join(lines) + "\n")

    def add_table(self, name: str, table: str, *, depends_on: str = "") -> Path:
        """Write a migration that makes `table` with one row, and drops it on the way down."""
        return self.add(
            name,
            f'db.execute("CREATE TABLE {table} (id INTEGER PRIMARY KEY, name TEXT)")\n'
            f"db.execute(\"INSERT INTO {table} (name) VALUES ('{table}')\")",
            f'db.execute("DROP TABLE {table}")',
            depends_on=depends_on,
        )

    def sql(self, script: str) -> None:
        """Run a script on the database, as another program would."""
        with closing(sqlite3.connect(self.database)) as connection:
            connection.executescript(script)

    def query(self, sql: str) -> list[tuple]:
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(sql).fetchall()

    def content(self) -> list[str]:
        return content(self.database)

    def application_content(self) -> list[str]:
        return content(self.database, framework=False)

    def tables(self) -> set[str]:
        return {name for (name,) in self.query("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def applied(self) -> list[int]:
        return [version for (version,) in self.query("SELECT version FROM schema_version ORDER BY version")]

    def run(self, *words: str, **more) -> subprocess.CompletedProcess[str]:
        """Run `migrate` in a process of its own, in this folder."""
        return subprocess.run(
            [*MIGRATE, *words],
            cwd=self.path,
            env=environment(self),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            stdin=subprocess.DEVNULL,
            **more,
        )

    def start(self, *words: str, **more) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*MIGRATE, *words],
            cwd=self.path,
            env=environment(self),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            **more,
        )


def environment(folder: Folder) -> dict[str, str]:
    """The environment of a person who has set one thing: where the database is."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("NUKEWORKS_MIGRATE_")}
    return {**kept, "NUKEWORKS_MIGRATE_DATABASE": "app.sqlite", "PYTHONUTF8": "1", "COLUMNS": "80"}


def content(path: Path, *, framework: bool = True) -> list[str]:
    """Return schema and rows of a database as text, in an order that no rebuild or vacuum changes."""
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        found = []
        objects = connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
        ).fetchall()
        for kind, name, table, sql in objects:
            if not framework and table.startswith("schema_version"):
                continue
            found.append(f"{kind} {name}: {sql}")
            if kind == "table" and not name.startswith("sqlite_"):
                rows = connection.execute(f'SELECT * FROM "{name}"').fetchall()
                found.extend(f"{name}: {row!r}" for row in sorted(rows, key=repr))
        return found


def integrity(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone()[0]


def footprint(folder: Path) -> dict[str, object]:
    """Return everything in a folder by path: the bytes and the time of each file; equal means not touched.

    Left out is the index of headers, versions/__pycache__, which reading may write.
    """
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        if "__pycache__" not in path.parts:
            at = path.lstat()
            plain = path.is_file() and not path.is_symlink()
            found[str(path.relative_to(folder))] = (path.read_bytes(), at.st_mtime_ns) if plain else "no file"
    return found
