"""`db`: what a migration gets to work with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from ..databases.base import Database, Parameters, Row
from ..databases.writing import StepSession
from ..errors import MissingResource
from ..model.events import Event, Logged, Progressed, StatementRan
from ..model.plan import Step
from ..model.reads import only_reads
from ..model.report import QuarantinedRows
from .alteration import TableAlteration
from .data_context import DataContext
from .rate import Rate
from .secrets import Secrets

if TYPE_CHECKING:
    from .data_work import DataWork


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
        secrets: Secrets,
        emit: Callable[[Event], None],
        data: DataContext,
    ) -> None:
        self._database = database
        self._session = session
        self._step = step
        self._resources = resources
        self._secrets = secrets  # what of the resources is not told to anybody
        self._emit = emit
        self._messages: list[str] = []
        self._rate = Rate()
        self._context = data
        self._data_work: DataWork | None = None

    @property
    def engine(self) -> str:
        """The kind of database: `sqlite`."""
        return self._database.engine

    @property
    def connection(self) -> Any:
        """A DB-API connection for libraries that want one: what ends or escapes the run is refused."""
        self._context.note_statements(self._session)
        return self._session.connection

    def execute(self, sql: str, params: Parameters = ()) -> int:
        """Run one statement; return how many rows it changed (0 where that means nothing).

        `params` is a sequence for `?` or a mapping for `:name`, on every database.
        """
        self._context.note_statements(self._session)
        return self._ran(sql, lambda: self._session.execute(sql, params))

    def executemany(self, sql: str, rows: Iterable[Parameters]) -> int:
        """Run one statement for each of `rows`; return how many rows were changed in all."""
        self._context.note_statements(self._session)
        return self._ran(sql, lambda: self._session.executemany(sql, rows))

    def script(self, sql: str) -> None:
        """Run all statements of a script, cut where the database itself would cut them."""
        for statement in self._database.statements(sql):
            self.execute(statement)

    def query(self, sql: str, params: Parameters = ()) -> list[Row]:
        """Run one statement and return all its rows; a row is a tuple that also takes a column's name."""
        if not only_reads(sql):
            self._context.note_statements(self._session)
        return self._session.query(sql, params)

    def scalar(self, sql: str, params: Parameters = ()) -> Any:
        """Return the first column of the first row, or None where there is no row."""
        rows = self.query(sql, params)
        return rows[0][0] if rows else None

    def transform(
        self,
        table: str,
        fn: Callable[..., Any],
        *,
        reads: Sequence[str] | str,
        writes: Sequence[str] | str,
        where: str | None = None,
        params: Parameters | None = None,
        key: Sequence[str] | str | None = None,
        batch: int = 10_000,
        on_error: str = "stop",
        max_errors: int = 100,
        pause_s: float = 0,
        max_rows_s: float | None = None,
    ) -> int:
        """Compute columns in Python, row by row; return how many rows were written.

        `fn` gets the columns in `reads` as keyword arguments. It returns the value, where `writes` names one
        column, or a mapping with all of `writes`; returning `SKIP` leaves the row as it is. Rows are visited
        once each, in the order of the primary key (or of `key`, unique columns without NULL); `where` and its
        `params` choose among them. `fn` may read from `db`, and what would write there is refused.

        A row that fails, in `fn` or because its new values break a constraint, ends the migration, and the message
        says which row it was. With `on_error="quarantine"` it is left as it was and noted, `max_errors` of them at
        most: `migrate data errors` shows them, `migrate data retry` runs the function for them again.

        With `transaction = "none"` each `batch` of rows is committed together with a checkpoint, from which
        `migrate resume` goes on; `pause_s` seconds between the batches, and no more than `max_rows_s` rows a
        second, leave the database to others meanwhile.
        """
        from .data_work import Pace, Rows, name_of

        rows = Rows(where, params, key, batch, Pace(pause_s, max_rows_s), on_error, max_errors)
        return self._ran(
            f"transform {table}: {_listed(writes)} from {_listed(reads)} by {name_of(fn)}()",
            lambda: self._data.transform(table, fn, reads, writes, rows),
        )

    def copy_rows(
        self,
        source: str,
        into: str,
        fn: Callable[..., Any],
        *,
        reads: Sequence[str] | str | None = None,
        where: str | None = None,
        params: Parameters | None = None,
        key: Sequence[str] | str | None = None,
        batch: int = 10_000,
        on_error: str = "stop",
        max_errors: int = 100,
        pause_s: float = 0,
        max_rows_s: float | None = None,
    ) -> int:
        """Make rows of the table `into` from those of `source`; return how many were inserted.

        `fn` gets the columns in `reads` (all of them, where it is left out) as keyword arguments. It returns a
        new row, as a mapping of columns to values, a list of such rows, or None for no row. All new rows of one row are
        inserted, or none of them. The rest is as in `transform`.
        """
        from .data_work import Pace, Rows, name_of

        rows = Rows(where, params, key, batch, Pace(pause_s, max_rows_s), on_error, max_errors)
        return self._ran(
            f"copy rows from {source} into {into} by {name_of(fn)}()",
            lambda: self._data.copy_rows(source, into, fn, reads, rows),
        )

    def update(
        self,
        table: str,
        *,
        set: Mapping[str, Any],
        where: str | None = None,
        params: Parameters | None = None,
        key: Sequence[str] | str | None = None,
        batch: int | None = None,
        pause_s: float = 0,
        max_rows_s: float | None = None,
    ) -> int:
        """Set columns to what SQL can say; return how many rows were changed.

        In `set` a text is an expression of SQL, as in `where`; a number, bytes or None is itself. `params` are
        those of `set` and then those of `where`. With `batch` it goes in chunks of the key, of so many rows each,
        which in a migration with `transaction = "none"` are committed one by one, as in `transform`.
        """
        from .data_work import Pace, Rows

        rows = Rows(where, params, key, batch, Pace(pause_s, max_rows_s))
        return self._ran(f"update {table}: {', '.join(set)}", lambda: self._data.update(table, set, rows))

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
            self._context.note_statements(self._session)
            with self._telling():
                self._session.alter_table(table, changes)

    def transaction(self) -> AbstractContextManager[None]:
        """A transaction of its own, only where the migration says `transaction = "none"`."""
        self._context.note_statements(self._session)
        return self._session.transaction()

    def log(self, message: object) -> None:
        """Say something to whoever runs this; it is kept in the log beside the migration.

        What resources hold is shown as ***.
        """
        told = self._secrets.hidden(str(message))
        self._messages.append(told)
        self._emit(Logged(self._step, told))

    def progress(self, done: int, total: int | None = None, label: str = "") -> None:
        """Say how far it is, for each row if need be: shown as a bar at a terminal, with rows a second and time left.

        `done` may begin anywhere: what was done earlier does not count as fast work.
        """
        rows_s, left_s = self._rate.seen(done, total, label, time.perf_counter())
        self._emit(Progressed(self._step, done, total, self._secrets.hidden(label), rows_s, left_s))

    def resource(self, name: str) -> Any:
        """Return what the application, or a factory, provides under `name`; the header's `resources` has to list it.

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
    def quarantined(self) -> tuple[QuarantinedRows, ...]:
        """What transforms and copies left as it was so far."""
        return tuple(self._data_work.quarantined) if self._data_work is not None else ()

    @property
    def _data(self) -> DataWork:
        """The data work of this step, imported with the first of it: most migrations have none."""
        if self._data_work is None:
            from .data_work import DataWork

            self._data_work = DataWork(
                self._session,
                self._step,
                self._context,
                progress=self.progress,
                emit=self._emit,
                hidden=self._secrets.hidden,
            )
        return self._data_work

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
            self._emit(StatementRan(self._step, self._secrets.hidden(sql), rows, seconds))

        self._session.on_statement = tell
        try:
            yield
        finally:
            self._session.on_statement = listener

    def _ran(self, sql: str, action: Callable[[], int]) -> int:
        started = time.perf_counter()
        rows = action()
        self._emit(StatementRan(self._step, self._secrets.hidden(sql), rows, time.perf_counter() - started))
        return rows


def _listed(names: Sequence[str] | str) -> str:
    return names if isinstance(names, str) else ", ".join(names)
