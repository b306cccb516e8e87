"""`db.copy_rows`: rows of one table made into no, one or many rows of another, by a Python function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..databases.quarantine import Quarantined
from ..databases.rows import Chosen, Key, quoted
from ..databases.writing import StepSession
from .row_errors import NOT_THE_ROWS, RowErrors
from .row_function import SKIP, called_with, name_of, refuse_deferred, refuse_unstorable
from .walking import Pace, Page, Walk, fingerprint

NewRow = tuple[tuple[str, ...], tuple[Any, ...]]  # its columns, and their values


class CopyRows(Walk):
    """One call: which rows, by which function, into which table."""

    call = "copy_rows"

    def __init__(
        self,
        session: StepSession,
        chosen: Chosen,
        into: str,
        fn: Callable[..., Any],
        reads: tuple[str, ...],
        errors: RowErrors,
        *,
        batch: int,
        pace: Pace,
    ) -> None:
        refuse_deferred(fn)
        self.table, self.pace = chosen.table, pace
        self._session, self._chosen, self._into = session, chosen, into
        self._name, self._fn, self._reads = name_of(fn), called_with(fn, reads), reads
        self._errors = errors
        self._batch = pace.batch(batch)
        self._known: set[tuple[str, ...]] = set()  # columns of rows so far, which are names
        self._kinds = frozenset(session.storable)

    def identity(self) -> Mapping[str, Any]:
        return {
            "call": self.call,
            "table": self.table,
            "into": self._into,
            "key": list(self._chosen.key),
            "reads": list(self._reads),
            "where": self._chosen.where,
            "params": fingerprint(self._chosen.params),
        }

    def count(self, after: Key | None) -> int:
        return self._chosen.how_many(self._session, after)

    def quarantined(self) -> list[Quarantined]:
        return self._errors.take()

    def pages(self, after: Key | None, total: int, *, exact: bool) -> Iterator[Page]:
        for rows in self._chosen.pages(self._session, self._reads, self._batch, after):
            made = self._make(rows)
            yield Page(tuple(rows[-1])[: len(self._chosen.key)], len(rows), self._insert(made))

    def _make(self, rows: list[Any]) -> list[tuple[Key, tuple[Any, ...], list[NewRow]]]:
        """For each row its key, what was read of it, and the new rows that it gave."""
        width = len(self._chosen.key)
        made = []
        with self._session.computing():
            for row in rows:
                key, values = tuple(row)[:width], tuple(row)[width:]
                try:
                    made.append((key, values, self._new_rows(self._fn(*values))))
                except NOT_THE_ROWS:
                    raise
                except Exception as error:
                    self._errors.failed(key, self._named(values), error)
        return made

    def _new_rows(self, result: Any) -> list[NewRow]:
        if result is None or result is SKIP:
            return []
        if _is_mapping(result):
            return [self._new_row(result)]
        if type(result) is not list and (not isinstance(result, Iterable) or isinstance(result, (str, bytes))):
            raise TypeError(f"{self._name}() returned {result!r}: a new row is a mapping, several are a list of them")
        return [self._new_row(row) for row in result]

    def _new_row(self, row: Any) -> NewRow:
        columns = tuple(row) if _is_mapping(row) else ()
        if columns not in self._known:
            if not columns or set(map(type, columns)) != {str}:
                raise TypeError(
                    f"{self._name}() returned {row!r} for a row, and that is a mapping of columns to values"
                )
            self._known.add(columns)
        values = tuple(row.values())
        if not self._kinds.issuperset(map(type, values)):
            refuse_unstorable(self._name, values, self._session.storable)
        return columns, values

    def _insert(self, made: list[tuple[Key, tuple[Any, ...], list[NewRow]]]) -> int:
        new_rows = [row for _, _, rows in made for row in rows]
        try:
            with self._session.savepoint():
                return self._insert_in_order(new_rows)
        except self._session.row_errors:
            return self._insert_one_by_one(made)

    def _insert_one_by_one(self, made: list[tuple[Key, tuple[Any, ...], list[NewRow]]]) -> int:
        """All new rows of one row, or none of them, to find those that cannot be inserted."""
        written = 0
        for key, values, rows in made:
            try:
                with self._session.savepoint():
                    written += self._insert_in_order(rows)
            except self._session.row_errors as error:
                self._errors.failed(key, self._named(values), error)
        return written

    def _insert_in_order(self, rows: list[NewRow]) -> int:
        """Insert rows in their order, as many at a time as have the same columns."""
        begin = inserted = 0
        for end in range(1, len(rows) + 1):
            columns = rows[begin][0]
            if end == len(rows) or rows[end][0] != columns:
                names, marks = ", ".join(map(quoted, columns)), ", ".join("?" * len(columns))
                inserted += self._session.executemany(
                    f"INSERT INTO {quoted(self._into)} ({names}) VALUES ({marks})",
                    [values for _, values in rows[begin:end]],
                )
                begin = end
        return inserted

    def _named(self, values: tuple[Any, ...]) -> dict[str, Any]:
        return dict(zip(self._reads, values, strict=True))


def _is_mapping(value: object) -> bool:
    """As isinstance(value, Mapping), which takes longer than all else that is done with a row."""
    return type(value) is dict or isinstance(value, Mapping)
