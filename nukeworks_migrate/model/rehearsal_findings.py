"""What a rehearsal says about a migration: rules that need to have seen it run.

NWM101–107  as in the file, but of the statements that ran, however they were built
NWM102      also for a column that is gone after a rebuild
NWM301      a table is rebuilt: dropped, and there again under its name
NWM302      every row of a table is rewritten, where it has a thousand or more
NWM303      a statement touched more rows than the limit
NWM304      rows that other tables refer to with ON DELETE CASCADE and its like are deleted: these do not act in a run
NWM306      the downgrade did not give everything back, or failed (then it is an error)
NWM307      the migration failed
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from .differences import Change, Kind
from .findings import (
    COLUMN_DROPPED,
    DELETE_WITHOUT_WHERE,
    DOWNGRADE_NOT_EXACT,
    FOREIGN_KEYS_RELIED_ON,
    MANY_ROWS,
    REHEARSAL_FAILED,
    TABLE_DROPPED,
    TABLE_REBUILT,
    TABLE_REWRITTEN,
    TABLE_TRUNCATED,
    UPDATE_WITHOUT_WHERE,
    Finding,
    Severity,
)
from .names import fold
from .rehearsal import Rehearsal, StatementReport, StepRehearsal, WayBack, WayBackReport
from .rows import Difference, TableRows
from .schema import ForeignKey, Table
from .statements import deed_of, statement_findings

MOST_ROWS = 100_000  # that one statement may touch before it is a finding
_ABOUT_A_TABLE = frozenset(
    rule.code for rule in (COLUMN_DROPPED, DELETE_WITHOUT_WHERE, UPDATE_WITHOUT_WHERE, TABLE_TRUNCATED)
)
_LARGE_TABLE = 1000  # rows from which on it is worth a word that all of them are rewritten


def rehearsal_findings(found: Rehearsal, *, most_rows: int = MOST_ROWS) -> tuple[Finding, ...]:
    """Return the findings about every step that was rehearsed, in the order of the steps; for upgrades only."""
    findings: list[Finding] = []
    for step in found.steps:
        if step.failed and found.failure is not None:
            cause = found.failure.cause.partition("\n")[0]
            where = found.failure.where.partition("\n")[0]
            findings.append(REHEARSAL_FAILED.finding(f"it fails: {cause}", where=where or step.step.migration.path))
        findings.extend(_Step(step, most_rows).findings())
    return tuple(dict.fromkeys(findings))


class _Step:
    def __init__(self, step: StepRehearsal, most_rows: int) -> None:
        self.step = step
        self.most_rows = most_rows
        self.path = step.step.migration.path
        self.rows = {fold(rows.table): rows for rows in step.difference.rows}
        self.deeds = [(statement, deed_of(statement.sql)) for statement in step.statements]
        self.dropped: dict[str, _Drop] = {}  # by the name that the table had before the step
        self.renamed: set[str] = set()  # names that a rename gave
        self._follow_names()

    def findings(self) -> Iterator[Finding]:
        yield from self._of_statements()
        yield from self._lost_tables()
        yield from self._lost_columns()
        yield from self._rewritten()
        yield from self._relied_on()
        yield from self._way_back()

    def _follow_names(self) -> None:
        """Note which of the tables that were there are dropped, under whatever name they have by then."""
        called: dict[str, str] = {}  # what a table is called now, and was before; empty for one that is new
        for statement, deed in self.deeds:
            name = fold(deed.table)
            if deed.verb == "CREATE":
                called[name] = ""
            elif deed.renamed_to:
                called[fold(deed.renamed_to)] = called.pop(name, name)
                self.renamed.add(fold(deed.renamed_to))
            elif deed.verb == "DROP":
                was = called.pop(name, name)
                if was and self.step.before.table(was) is not None:
                    self.dropped.setdefault(was, _Drop(deed.table, self._at(statement)))

    def _of_statements(self) -> Iterator[Finding]:
        for statement, deed in self.deeds:
            where = self._at(statement)
            is_new = bool(deed.table) and self.step.before.table(deed.table) is None
            for finding in statement_findings(statement.sql):
                is_about_rows = finding.code in _ABOUT_A_TABLE and is_new and fold(deed.table) not in self.renamed
                if finding.code != TABLE_DROPPED.code and not is_about_rows:
                    yield finding.at(where)
            if statement.most_rows > self.most_rows:
                yield MANY_ROWS.finding(
                    f"one statement touched {statement.most_rows:,} rows, more than {self.most_rows:,}", where=where
                )

    def _lost_tables(self) -> Iterator[Finding]:
        """Tables that were dropped: for good, made again without all of their rows, or rebuilt."""
        for was, drop in self.dropped.items():
            before, rows = self.step.before.table(was), self.rows.get(was)
            assert before is not None
            if self.step.after.table(was) is None:
                count = _counted(rows.before) if rows is not None else "all its rows"
                yield self._lost(f"table {before.name} is dropped with {count}", drop)
                continue
            lost = _lost_rows(rows) if rows is not None else 0
            if rows is not None and lost == rows.before:
                yield self._lost(f"table {before.name} is dropped with {_counted(lost)}, and made again", drop)
                continue
            if rows is not None and lost:
                verb = "is" if lost == 1 else "are"
                message = f"table {before.name} is made anew, and {lost:,} of its {rows.before:,} rows {verb} gone"
                yield self._lost(message, drop)
            elif rows is None and not self._is_filled_again(was):
                yield self._lost(f"table {before.name} is dropped with all its rows", drop)
            kept = f", with {rows.before - lost:,} of its {_counted(rows.before)}" if rows is not None else ""
            yield TABLE_REBUILT.finding(f"table {before.name} is rebuilt{kept}", where=drop.where)

    def _lost(self, message: str, drop: _Drop) -> Finding:
        return replace(TABLE_DROPPED.finding(message, where=drop.where), table=drop.table)

    def _is_filled_again(self, table: str) -> bool:
        """Whether rows come back into a table that was dropped: by the name that it gets, or by an INSERT."""
        return table in self.renamed or any(
            deed.verb == "INSERT" and fold(deed.table) == table for _, deed in self.deeds
        )

    def _lost_columns(self) -> Iterator[Finding]:
        """Columns that are gone, and were neither dropped by name, which is told of the statement, nor renamed."""
        told = {
            (fold(deed.table), fold(column))
            for _, deed in self.deeds
            for column in (*deed.dropped_columns, *(before for before, _ in deed.renamed_columns))
        }
        for change in self.step.difference.schema:
            is_lost = change.kind is Kind.COLUMN and change.change is Change.REMOVED
            if is_lost and (fold(change.table), fold(change.name)) not in told:
                drop = self.dropped.get(fold(change.table))
                message = f"column {change.name} of {change.table} is gone after the rebuild"
                yield COLUMN_DROPPED.finding(message, where=drop.where if drop is not None else self.path)

    def _rewritten(self) -> Iterator[Finding]:
        for name, rows in self.rows.items():
            if rows.changed == rows.before >= _LARGE_TABLE:
                message = f"all {rows.before:,} rows of {rows.table} are rewritten"
                yield TABLE_REWRITTEN.finding(message, where=self._where(name, "UPDATE", "INSERT", "ALTER"))

    def _relied_on(self) -> Iterator[Finding]:
        """Deletions that would have gone on to other tables, where the migration does not see to these itself."""
        changed = {fold(deed.table) for _, deed in self.deeds if deed.verb in ("UPDATE", "DELETE", "DROP")}
        for statement, deed in self.deeds:
            parent = self.step.before.table(deed.table) if deed.verb == "DELETE" else None
            if parent is None:
                continue
            for child, key in self._acting_children(fold(deed.table)):
                if fold(child.name) in changed and fold(child.name) != fold(deed.table):
                    continue
                yield FOREIGN_KEYS_RELIED_ON.finding(
                    f"rows of {parent.name} are deleted, and {child.name} ({', '.join(key.columns)}) says"
                    f" ON DELETE {key.on_delete}: that does not act during a run",
                    where=self._at(statement),
                )

    def _acting_children(self, parent: str) -> Iterator[tuple[Table, ForeignKey]]:
        for child in self.step.before.tables:
            for key in child.foreign_keys:
                if fold(key.parent) == parent and key.on_delete in ("CASCADE", "SET NULL", "SET DEFAULT"):
                    yield child, key

    def _way_back(self) -> Iterator[Finding]:
        back = self.step.way_back
        if back.verdict is WayBack.LOSSY:
            message = f"after its downgrade not everything is as it was: {_summary(back.left)}"
            yield DOWNGRADE_NOT_EXACT.finding(message, where=self.path)
        elif back.verdict is WayBack.FAILED:
            yield DOWNGRADE_NOT_EXACT.finding(
                f"its downgrade fails: {_first_line(back)}",
                where=back.where.partition("\n")[0] or self.path,
                severity=Severity.ERROR,
            )

    def _where(self, table: str, *verbs: str) -> str:
        """The first line that did one of these to the table."""
        found = (
            self._at(statement) for statement, deed in self.deeds if (deed.verb in verbs) and fold(deed.table) == table
        )
        return next(found, self.path)

    def _at(self, statement: StatementReport) -> str:
        return f"{self.path}:{statement.line}" if statement.line else self.path


class _Drop(NamedTuple):
    table: str  # as it was called then
    where: str


def _lost_rows(rows: TableRows) -> int:
    """How many rows did not come back; where they have no key, one that was changed is one gone and one come."""
    return rows.deleted if not rows.added else max(rows.before - rows.after, 0)


def _summary(left: Difference) -> str:
    """What does not come back, in a few words: the first three things."""
    parts = [f"{change.kind.value} {change.name or change.table} {_HOW[change.change]}" for change in left.schema]
    for rows in left.rows:
        counts = [
            f"{count:,} {what}"
            for count, what in ((rows.added, "added"), (rows.changed, "changed"), (rows.deleted, "missing"))
            if count
        ]
        parts.append(f"rows of {rows.table}: {', '.join(counts)}")
    return "; ".join(parts[:3]) + (f"; and {len(parts) - 3} more" if len(parts) > 3 else "")


_HOW = {Change.ADDED: "stays", Change.REMOVED: "is missing", Change.CHANGED: "is another"}


def _first_line(back: WayBackReport) -> str:
    return back.cause.partition("\n")[0]


def _counted(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"
