"""The data work of one step: what `db.transform`, `db.copy_rows` and `db.update` have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

from ..databases.base import Parameters
from ..databases.quarantine import Quarantined, count_quarantine, put_into_quarantine, read_quarantine
from ..databases.rows import Chosen, Key
from ..databases.writing import StepSession
from ..model.events import RowsQuarantined
from ..model.plan import Step
from ..model.report import QuarantinedRows
from .clock import now
from .copying import CopyRows
from .data_context import DataContext
from .row_errors import SHOWN_ROWS, STOP, RowErrors
from .row_function import RowFunction, name_of
from .transforms import Transform
from .updates import Update
from .walking import Pace, Progress, Walk, Walker

__all__ = ["DataWork", "Pace", "Rows", "name_of"]


class Rows(NamedTuple):
    """Which rows of a table a call goes through, and how."""

    where: str | None
    params: Parameters | None
    key: Sequence[str] | str | None
    batch: int | None  # None: all at once
    pace: Pace
    on_error: str = STOP
    max_errors: int = 0


class DataWork:
    """Runs the step's calls, counts them, and keeps what they left in quarantine."""

    def __init__(
        self,
        session: StepSession,
        step: Step,
        context: DataContext,
        *,
        progress: Progress,
        emit: Callable[[RowsQuarantined], None],
        hidden: Callable[[str], str],
    ) -> None:
        self._session, self._step, self._context = session, step, context
        self._emit, self._hidden = emit, hidden
        self._number = 0
        self._walker = Walker(
            session,
            progress,
            checkpoints=context.checkpoints,
            put_into_quarantine=lambda rows: put_into_quarantine(context.writer, rows),
            hidden=hidden,
            paced=context.paced,
        )
        self.quarantined: list[QuarantinedRows] = []
        self.reached: set[int] = set()  # calls that a retry has come to

    def transform(
        self, table: str, fn: Callable[..., Any], reads: Sequence[str] | str, writes: Sequence[str] | str, rows: Rows
    ) -> int:
        batch = _batch("transform", rows)
        if self._is_passed_over():
            return 0
        chosen = self._chosen("transform", table, rows)
        function = RowFunction(fn, _names(reads), _names(writes), self._session.storable)
        errors = self._errors("transform", chosen, rows)
        return self._run(Transform(self._session, chosen, function, errors, batch=batch, pace=rows.pace), errors)

    def copy_rows(
        self, source: str, into: str, fn: Callable[..., Any], reads: Sequence[str] | str | None, rows: Rows
    ) -> int:
        batch = _batch("copy_rows", rows)
        if self._is_passed_over():
            return 0
        if self._session.is_same_table(source, into):
            raise ValueError(f"copy_rows() cannot fill {into} while it walks through it: copy into a new table")
        chosen = self._chosen("copy_rows", source, rows)
        columns = _names(reads) if reads is not None else self._session.column_names(source)
        errors = self._errors("copy_rows", chosen, rows)
        walk = CopyRows(self._session, chosen, into, fn, columns, errors, batch=batch, pace=rows.pace)
        return self._run(walk, errors)

    def update(self, table: str, values: Mapping[str, Any], rows: Rows) -> int:
        if rows.batch is not None:
            _batch("update", rows)
            chosen = self._chosen("update", table, rows)
        else:
            self._number += 1
            chosen = Chosen(table, (), rows.where, rows.params)
        return self._run(Update(self._session, chosen, values, batch=rows.batch, pace=rows.pace), None)

    def pass_over(self) -> None:
        """Count a call that is left out."""
        self._number += 1

    def _is_passed_over(self) -> bool:
        """Whether a retry has nothing to do in the call that comes now; then it is counted, and that is all."""
        retried = self._context.retried
        if retried is None or self._number + 1 in retried:
            return False
        self.pass_over()
        return True

    def _chosen(self, call: str, table: str, rows: Rows) -> Chosen:
        path = self._session.key_path(table, _names(rows.key) if rows.key is not None else None)
        self._number += 1
        if self._context.retried is None:
            return Chosen(table, path.columns, rows.where, rows.params)
        only = self._retried(call, table, path.columns)
        return Chosen(table, path.columns, rows.where, rows.params, only=only)

    def _retried(self, call: str, table: str, columns: tuple[str, ...]) -> tuple[Key, ...]:
        assert self._context.retried is not None
        rows = self._context.retried.get(self._number, ())
        self.reached.add(self._number)
        for row in rows:
            if row.table != table or row.key_columns != columns:
                raise ValueError(
                    f"number {self._number} was a walk through {row.table} by {', '.join(row.key_columns)},"
                    f" and is {call}() of {table} by {', '.join(columns)} now"
                )
        return tuple(row.key for row in rows)

    def _errors(self, call: str, chosen: Chosen, rows: Rows) -> RowErrors:
        step, number = self._step, self._number

        def quarantined(key: Key, error: str, row: dict[str, Any]) -> Quarantined:
            return Quarantined(
                step.version,
                step.name,
                step.direction.value,
                number,
                chosen.table,
                chosen.key,
                key,
                error,
                row,
                now(),
                self._context.run_id,
            )

        return RowErrors(
            call,
            chosen.table,
            chosen.key,
            on_error=rows.on_error,
            max_errors=rows.max_errors,
            redact=self._context.redact,
            quarantined=quarantined,
            hidden=self._hidden,
        )

    def _run(self, walk: Walk, errors: RowErrors | None) -> int:
        number = self._number

        def begun() -> None:
            if errors is not None and self._context.checkpoints is not None:  # an interrupted run may have left some
                errors.count = count_quarantine(self._context.writer, self._step.version, number)

        written = self._walker.run(number, walk, begun=begun).written
        if errors is not None and errors.count:
            # In a transaction, which waits for those who hold the database.
            with self._session.transaction() if self._session.commits_each_statement else nullcontext():
                first = read_quarantine(self._context.writer, self._step.version, number, limit=SHOWN_ROWS)
            shown = tuple((errors.place(row.key), row.error) for row in first)
            found = QuarantinedRows(walk.table, errors.count, shown)
            self.quarantined.append(found)
            self._emit(RowsQuarantined(self._step, found))
        return written


def _names(names: Sequence[str] | str) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _batch(call: str, rows: Rows) -> int:
    if rows.batch is None or rows.batch < 1:
        raise ValueError(f"{call}() needs a batch of 1 row or more, not {rows.batch}")
    return rows.batch
