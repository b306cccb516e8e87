"""`db.transform`: columns computed by a Python function, in the order of the table's key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..databases.quarantine import Quarantined
from ..databases.rows import Chosen, Key, quoted
from ..databases.writing import ComputedColumns, InPlace, PageDone, StepSession
from ..model.names import fold
from .row_errors import NOT_THE_ROWS, RowErrors
from .row_function import SKIP, RowFunction, Skip
from .skipping import never_skips
from .walking import Pace, Page, Walk, fingerprint, written_keys


class Transform(Walk):
    """One call: which rows, by which function, into which columns.

    Where the database can call the function within its own UPDATE, it does; else the rows of a page are read, computed
    and written back. Either way the function is called once for each row.
    """

    call = "transform"

    def __init__(
        self,
        session: StepSession,
        chosen: Chosen,
        function: RowFunction,
        errors: RowErrors,
        *,
        batch: int,
        pace: Pace,
    ) -> None:
        if not function.writes:
            raise ValueError("transform() writes no column: writes=[…] is empty")
        if len(set(map(fold, function.writes))) < len(function.writes):
            raise ValueError(f"transform() writes a column twice: {', '.join(function.writes)}")
        if clash := written_keys(session, chosen, function.writes):
            raise ValueError(f"transform() cannot write {', '.join(clash)}: the rows are walked by it")
        self.table, self.pace = chosen.table, pace
        self._session, self._chosen = session, chosen
        self._function, self._errors = function, errors
        self._batch = pace.batch(batch)
        self._update = (
            f"UPDATE {quoted(chosen.table)} SET {', '.join(f'{quoted(name)} = ?' for name in function.writes)}"
            f" WHERE {' AND '.join(f'{quoted(name)} = ?' for name in chosen.key)}"
        )

    def identity(self) -> Mapping[str, Any]:
        return {
            "call": self.call,
            "table": self.table,
            "key": list(self._chosen.key),
            "reads": sorted(self._function.reads),
            "writes": list(self._function.writes),
            "where": self._chosen.where,
            "params": fingerprint(self._chosen.params),
        }

    def count(self, after: Key | None) -> int:
        return self._chosen.how_many(self._session, after)

    def quarantined(self) -> list[Quarantined]:
        return self._errors.take()

    def pages(self, after: Key | None, total: int, *, exact: bool) -> Iterator[Page]:
        # A row in quarantine needs its key at hand, and what is one page with a condition has an index for it.
        one_page = self._chosen.where is not None and total <= self._batch
        if not self._errors.stops or one_page or self._chosen.only is not None:
            yield from self._row_by_row(after)
            return
        first = self._first_row(after)
        if first is None:
            return
        way = self._in_place_after(first)
        if way is None:
            yield first
            yield from self._row_by_row(first.last_key)
            return
        try:
            yield from self._in_place(way, first, None if exact else total)
        finally:
            way.close()

    def _first_row(self, after: Key | None) -> Page | None:
        """The first row by itself, which tells what the function returns."""
        rows = next(self._chosen.pages(self._session, self._function.reads, 1, after), None)
        return self._compute_and_write(rows) if rows is not None else None

    def _in_place_after(self, first: Page) -> InPlace | None:
        function = self._function
        skip: Skip | None = SKIP
        if len(function.writes) > 1:
            fn = function.compute
        elif first.written and not function.returned_mapping:
            fn = function.call  # as it is, which is the fastest; a mapping that comes later is refused by the database
            skip = None if never_skips(function.fn) else SKIP
        else:
            fn = function.value
        computed = ComputedColumns(self._chosen, function.reads, function.writes, function.name, fn, skip)
        return self._session.in_place(computed)

    def _in_place(self, way: InPlace, first: Page, total: int | None) -> Iterator[Page]:
        yield first  # by itself: the page that follows it would else be larger than the batch
        last_key = first.last_key
        for until in way.ranges(last_key, self._batch, total):
            done = self._update_in_place(way, last_key, until)
            yield Page(until, done.visited, done.written)
            last_key = until

    def _update_in_place(self, way: InPlace, after: Key, until: Key) -> PageDone:
        try:
            return way.update(after, until)
        except NOT_THE_ROWS:
            raise
        except Exception as error:
            failure = error
        if way.failed_values is not None:
            self._find_and_fail(after, until, way.failed_values, failure)
        # Done row by row it fails at the row, and says which it is. The function is called again for that, but
        # nothing of the page stays: what failed ends the migration.
        for rows in self._chosen.pages(self._session, self._function.reads, self._batch, after, until):
            self._compute_and_write(rows)
        raise self._errors.unplaced(self._function.reads, failure)

    def _find_and_fail(self, after: Key, until: Key, values: tuple[Any, ...], error: Exception) -> None:
        """Raise `error` for the row that held `values`: called again, a function that keeps a state fails elsewhere."""
        width = len(self._chosen.key)
        found: list[Key] = []
        for rows in self._chosen.pages(self._session, self._function.reads, self._batch, after, until):
            found += [tuple(row)[:width] for row in rows if _same(tuple(row)[width:], values)]
            if len(found) > 1:
                break
        if found:
            self._errors.failed(found[0], self._named(values), error, or_later=len(found) > 1)
        raise self._errors.unplaced(self._function.reads, error)

    def _row_by_row(self, after: Key | None) -> Iterator[Page]:
        for rows in self._chosen.pages(self._session, self._function.reads, self._batch, after):
            yield self._compute_and_write(rows)

    def _compute_and_write(self, rows: list[Any]) -> Page:
        width = len(self._chosen.key)
        changes: list[tuple[Any, ...]] = []
        with self._session.computing():
            for row in rows:
                key, values = tuple(row)[:width], tuple(row)[width:]
                try:
                    computed = self._function.compute(*values)
                except NOT_THE_ROWS:
                    raise
                except Exception as error:
                    self._errors.failed(key, self._named(values), error)
                    continue
                if computed is not SKIP:
                    changes.append((*computed, *key))
        return Page(tuple(rows[-1])[:width], len(rows), self._write(changes, rows))

    def _write(self, changes: list[tuple[Any, ...]], rows: list[Any]) -> int:
        """Write a page; where a row of it cannot be written, all of them one by one, to find those that cannot."""
        if not changes:
            return 0
        try:
            with self._session.savepoint():
                return self._session.executemany(self._update, changes)
        except self._session.row_errors:
            return self._write_one_by_one(changes, rows)

    def _write_one_by_one(self, changes: list[tuple[Any, ...]], rows: list[Any]) -> int:
        width = len(self._chosen.key)
        read = {tuple(row)[:width]: tuple(row)[width:] for row in rows}
        written = 0
        for change in changes:
            try:
                with self._session.savepoint():
                    written += self._session.execute(self._update, change)
            except self._session.row_errors as error:
                key = change[len(self._function.writes) :]
                self._errors.failed(key, self._named(read[key]), error)
        return written

    def _named(self, values: tuple[Any, ...]) -> dict[str, Any]:
        return dict(zip(self._function.reads, values, strict=True))


def _same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Whether the values are the same, and of the same types: 1 and 1.0 are not."""
    return one == other and list(map(type, one)) == list(map(type, other))
