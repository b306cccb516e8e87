"""`db`: what a migration gets to work with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from ..databases.base import Database, Parameters, Row
from ..databases.writing import StepSession
from ..errors import MissingResource
from ..model.events import Event, Logged, Progressed, StatementRan
from ..model.plan import Step
from .alteration import TableAlteration
from .transforms import Transform


class Handle:
    """The one argument of `upgrade(db)`, `downgrade(db)`, `check(db)` and `verify(db)`.

    Everything it does belongs to the run's transaction, which begins and ends by itself.
    """

    def __init__(
        self,
        database: Database,
        session: StepSession,
        step: Step,
        resources: Mapping[str, Any],
        emit: Callable[[Event], None],
    ) -> None:
        self._database = database
        self._session = session
        self._step = step
        self._resources = resources
        self._emit = emit
        self._messages: list[str] = []

    @property
    def engine(self) -> str:
        """The kind of database: `sqlite`."""
        return self._database.engine

    @property
    def connection(self) -> Any:
        """A DB-API connection for libraries that want one: what ends or escapes the run is refused."""
        return self._session.connection

    def execute(self, sql: str, params: Parameters = ()) -> int:
        """Run one statement; return how many rows it changed (0 where that means nothing).

        `params` is a sequence for `?` or a mapping for `:name`, on every database.
        """
        return self._ran(sql, lambda: self._session.execute(sql, params))

    def executemany(self, sql: str, rows: Iterable[Parameters]) -> int:
        """Run one statement for each of `rows`; return how many rows were changed in all."""
        return self._ran(sql, lambda: self._session.executemany(sql, rows))

    def script(self, sql: str) -> None:
        """Run all statements of a script, cut where the database itself would cut them."""
        for statement in self._database.statements(sql):
            self.execute(statement)

    def query(self, sql: str, params: Parameters = ()) -> list[Row]:
        """Run one statement and return all its rows; a row is a tuple that also takes a column's name."""
        return self._session.query(sql, params)

    def scalar(self, sql: str, params: Parameters = ()) -> Any:
        """Return the first column of the first row, or None where there is no row."""
        rows = self._session.query(sql, params)
        return rows[0][0] if rows else None

    def transform(
        self,
        table: str,
        fn: Callable[..., Any],
        *,
        reads: Sequence[str],
        writes: Sequence[str],
        where: str | None = None,
        params: Parameters | None = None,
        key: Sequence[str] | str | None = None,
        batch: int = 1000,
    ) -> int:
        """Compute columns in Python, row by row; return how many rows were written.

        `fn` gets the columns in `reads` as keyword arguments. It returns the value, where `writes` names one
        column, or a mapping with all of `writes`; returning `SKIP` leaves the row as it is. Rows are visited
        once each, in the order of the primary key (or of `key`, unique columns without NULL), `batch` rows at
        a time; `where` and its `params` choose among them. What `fn` raises ends the migration, and
        the message says at which key.
        """
        transform = Transform(table, fn, tuple(reads), tuple(writes), where, params, batch)
        total = self.scalar(transform.count_statement(), params or ())
        keys = (key,) if isinstance(key, str) else tuple(key) if key is not None else None
        around = self._session.transaction() if self._session.commits_each_statement else nullcontext()
        with around:
            return transform.run(self._session, keys, lambda done: self.progress(done, total, table))

    @contextmanager
    def alter_table(self, table: str) -> Iterator[TableAlteration]:
        """Change a table: what the block asks for happens when it ends, all of it at once, or not at all.

        Rows, indexes, triggers, views and what refers to the table are kept. An exception in the block leaves
        everything as it was, and so does a row that does not fit.
        """
        alteration = TableAlteration(table)
        try:
            yield alteration
        finally:
            changes = alteration.close()
        if changes:
            with self._telling():
                self._session.alter_table(table, changes)

    def transaction(self) -> AbstractContextManager[None]:
        """A transaction of its own, only where the migration says `transaction = "none"`."""
        return self._session.transaction()

    def log(self, message: object) -> None:
        """Say something to whoever runs this; it is kept in the log beside the migration."""
        self._messages.append(str(message))
        self._emit(Logged(self._step, str(message)))

    def progress(self, done: int, total: int | None = None, label: str = "") -> None:
        """Say how far it is; shown as a bar where there is a terminal."""
        self._emit(Progressed(self._step, done, total, label))

    def resource(self, name: str) -> Any:
        """Return what the application handed in under `name`; the header's `resources` has to list it.

        Raises:
            MissingResource: it is not listed there.
        """
        if name not in self._step.migration.resources:
            raise MissingResource(
                f"{self._step.name} asks for the resource {name!r} and does not list it",
                where=self._step.migration.path,
                next_step=f'write in the file: resources = ["{name}"]',
            )
        return self._resources[name]

    @property
    def messages(self) -> tuple[str, ...]:
        """What was logged so far."""
        return tuple(self._messages)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Say of each statement that the database thinks of by itself that it ran."""
        listener = self._session.on_statement

        def tell(sql: str, params: Any, rows: int, seconds: float) -> None:
            if listener is not None:
                listener(sql, params, rows, seconds)
            self._emit(StatementRan(self._step, sql, rows, seconds))

        self._session.on_statement = tell
        try:
            yield
        finally:
            self._session.on_statement = listener

    def _ran(self, sql: str, action: Callable[[], int]) -> int:
        started = time.perf_counter()
        rows = action()
        self._emit(StatementRan(self._step, sql, rows, time.perf_counter() - started))
        return rows
