"""A project whose one migration calls a function of the test, on a database that a script has made."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from nukeworks_migrate import rehearse, up
from nukeworks_migrate.errors import StepFailed

ROW_BY_ROW = "CREATE TRIGGER never AFTER DELETE ON {table} WHEN 0 BEGIN SELECT 1; END;"  # a trigger: not in place
THREE = """
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size);
INSERT INTO t VALUES (1, 'ann', 10), (4, 'bob', 20), (9, 'cy', 30);
"""


class Work:
    """Runs functions as migrations: `work(db)` is the body."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.number = 0

    def run(self, work, *, transaction="single", on_event=lambda event: None, **settings):
        return up(self._project(work, transaction, settings), on_event=on_event)

    def rehearse(self, work, *, transaction="single", on_event=lambda event: None, **settings):
        report = rehearse(self._project(work, transaction, settings), on_event=on_event)
        (self.folder.versions / f"{self.number:04}_work.py").unlink()
        return report

    def fails(self, work, kind=StepFailed, **more) -> StepFailed:
        """The error of a migration that has to fail, and leaves the application's tables as they were."""
        before = self.folder.application_content()
        with pytest.raises(kind) as failure:
            self.run(work, **more)
        assert self.folder.application_content() == before
        return failure.value

    def rows(self, sql="SELECT * FROM t"):
        return self.folder.query(sql)

    def execute(self, sql, rows=()):
        with closing(sqlite3.connect(self.folder.database)) as connection, connection:
            connection.executemany(sql, rows)

    def _project(self, work, transaction, settings):
        self.number += 1
        head = f'resources = ["work"]\ntransaction = "{transaction}"'
        self.folder.add(f"{self.number:04}_work", 'db.resource("work")(db)', head=head)
        return self.folder.project(resources={"work": work}, **settings)
