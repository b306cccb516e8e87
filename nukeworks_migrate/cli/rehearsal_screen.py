"""A rehearsal as a screen: what each step did to the copy, whether there is a way back, and what a run would take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap
from typing import Any

from ..model.differences import Change, Kind, SchemaChange, difference_lines
from ..model.plan import Direction
from ..model.rehearsal import Rehearsal, StatementReport, StepRehearsal, WayBack, WayBackReport
from ..model.rows import REDACTED, Difference, RowSample, TableRows
from .output import word
from .plan_screen import TITLES, nothing_to_do
from .text import counted, cut, indented, number, printable, quarantine_lines, seconds, size

_WIDTH = 80
_MOST_STATEMENTS = 12  # of one step; --verbose shows all
_MOST_MESSAGES = 10
_VALUE_CHARACTERS = 30  # of a value in a sample
_OPPOSITE = {Direction.UP: "downgrade", Direction.DOWN: "upgrade"}


def rehearsal_screen(found: Rehearsal, command: str, *, verbose: bool = False) -> str:
    """The whole report; `command` is what runs the plan that was rehearsed."""
    if not found.steps:
        return nothing_to_do(found.plan, found.database, found.saved_to)
    title = TITLES[found.plan.direction]
    lines = [
        f"rehearsal   {title}, {counted(len(found.plan.steps), 'step')}   {printable(found.database)} ({found.engine})",
        f"copy        {size(found.size_before)} in {seconds(found.copy_ms)}"
        + (f", {size(found.size_after)} at the end" if found.size_after != found.size_before else ""),
    ]
    for place, step in enumerate(found.steps, 1):
        lines += ["", *_step_lines(place, step, verbose=verbose)]
    not_tried = [step.name for step in found.plan.steps[len(found.steps) :]]
    if not_tried:
        names = printable(", ".join(not_tried[:5])) + (" …" if len(not_tried) > 5 else "")
        lines += ["", *wrap(f"not tried: {names}", _WIDTH, subsequent_indent=" " * 11, break_long_words=False)]
    if len(found.steps) > 1:
        lines += shown_totals(found)
    lines += ["", *(f"{word('note:')} {printable(remark)}" for remark in (*found.plan.remarks, *found.remarks))]
    if found.failure is None:
        lines += _end_lines(found, command)
    return "\n".join(lines).rstrip()


def _step_lines(place: int, step: StepRehearsal, *, verbose: bool) -> list[str]:
    name = printable(step.step.name)
    state = word("failed") if step.failed else word("ran")
    lines = [f"{place:>3}  {name}   {state} {seconds(step.duration_ms)}"]
    if step.step.migration.description:
        lines.append(f"       {printable(step.step.migration.description)}")
    lines += _statement_lines(step, verbose=verbose)
    for message in step.messages[: None if verbose else _MOST_MESSAGES]:
        lines.append(f"       logged: {indented(printable(message, lines=True), 15)}")
    if len(step.messages) > _MOST_MESSAGES and not verbose:
        lines.append(f"       … {counted(len(step.messages) - _MOST_MESSAGES, 'more message')} (-v shows all)")
    for rows in step.quarantined:
        lines += [f"       {line}" for line in quarantine_lines(rows, 73)]
    lines += _moved(shown_difference(step.difference, verbose=verbose), 7)
    if not step.failed and step.difference.empty:
        lines.append("       changes nothing")
    if not step.failed:
        lines += shown_way_back(step, verbose=verbose)
    return lines


def _statement_lines(step: StepRehearsal, *, verbose: bool) -> list[str]:
    shown = step.statements if verbose else step.statements[:_MOST_STATEMENTS]
    lines = [line for statement in shown for line in _one_statement(statement, verbose=verbose)]
    hidden = len(step.statements) - len(shown)
    if hidden:
        lines.append(f"       … {counted(hidden, 'more statement')} (-v shows all)")
    if step.more_statements:
        lines.append(f"       … and {number(step.more_statements)} more that were not told apart")
    return lines


def _one_statement(statement: StatementReport, *, verbose: bool) -> Iterator[str]:
    """The line of the file that ran it, its beginning, and what it did; in two lines where one is not enough."""
    margin = f"       {f'{statement.line}:' if statement.line else '':<5}"
    sql = printable(statement.sql, lines=True).strip()
    one_line = " ".join(sql.split())
    facts = statement_facts(statement, verbose=verbose)
    told = f"   {', '.join(facts)}" if facts else ""
    if len(f"{margin}{one_line}{told}") <= _WIDTH and "\n" not in sql:
        yield f"{margin}{one_line}{told}"
        return
    yield margin + (indented(sql, len(margin)) if verbose else cut(one_line, _WIDTH - len(margin)))
    if told:
        line = f"{' ' * len(margin)}{told}"
        yield line if verbose else cut(line, _WIDTH)


def statement_facts(statement: StatementReport, *, verbose: bool) -> list[str]:
    """How often a statement ran, on how many rows, with what, and how long it took."""
    facts = []
    if statement.times > 1:
        facts.append(f"{number(statement.times)} times")
    if statement.rows:
        facts.append(f"{number(statement.rows)} row{'' if statement.rows == 1 else 's'}")
    if statement.parameters:
        facts.append(f"with {printable(statement.parameters)}")
    if verbose or statement.seconds >= 0.001:
        facts.append(f"{statement.seconds:.3f} s")
    return facts


def shown_difference(difference: Difference, *, verbose: bool) -> list[str]:
    """What changed: of the schema, and of the rows of each table, with samples."""
    lines = _schema_lines(difference.schema, definitions=verbose)
    for rows in difference.rows:
        lines.append(_rows_line(rows))
        lines += [f"    {line}" for sample in rows.samples for line in _sample_lines(sample, _WIDTH - 13)]
    return lines


def _coloured(line: str) -> str:
    sign = line.lstrip()[:1]
    colour = {"+": "added", "-": "removed"}.get(sign)
    return word(line, colour=colour) if colour else line


def _rows_line(rows: TableRows) -> str:
    counts = [
        f"{number(count)} {what}"
        for count, what in ((rows.added, "added"), (rows.changed, "changed"), (rows.deleted, "deleted"))
        if count
    ]
    return f"rows of {printable(rows.table)}: {', '.join(counts)} ({number(rows.before)} → {number(rows.after)})"


def _sample_lines(sample: RowSample, width: int) -> Iterator[str]:
    key = ", ".join(_value(value) for value in sample.key)
    if sample.before is None or sample.after is None:
        sign, whole = ("+", sample.after) if sample.before is None else ("-", sample.before)
        text = f"{sign} {', '.join(f'{printable(name)} {_value(value)}' for name, value in (whole or {}).items())}"
        yield cut(text, width)
        return
    names = dict.fromkeys((*sample.before, *sample.after))
    changes = [f"{printable(name)}: {_side(sample.before, name)} → {_side(sample.after, name)}" for name in names]
    joined = f"~ ({key})  {', '.join(changes)}"
    if len(joined) <= width:
        yield joined
        return
    yield cut(f"~ ({key})", width)
    for name, change in zip(names, changes, strict=True):
        if len(change) <= width - 4:
            yield f"    {change}"
        else:
            yield f"    {cut(f'{printable(name)}: {_side(sample.before, name)}', width - 4)}"
            yield f"      → {cut(_side(sample.after, name), width - 8)}"


def _side(row: dict[str, Any], name: str) -> str:
    return _value(row[name]) if name in row else "(no such column)"


def _value(value: object) -> str:
    """A value for the eye, as SQL would have it; long ones are cut."""
    if value is None:
        return "NULL"
    if value is REDACTED:
        return "***"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, str):
        shown = printable(value[: _VALUE_CHARACTERS + 1])
        return f"'{shown}'" if len(value) <= _VALUE_CHARACTERS else f"'{printable(value[:_VALUE_CHARACTERS])}…'"
    return printable(value)


def shown_way_back(step: StepRehearsal, *, verbose: bool) -> list[str]:
    """Whether there is a way back, and what it did not give back."""
    back, name = step.way_back, _OPPOSITE[step.step.direction]
    match back.verdict:
        case WayBack.EXACT:
            return [f"       way back: {word('exact')}, {name} gave back the same schema and rows"]
        case WayBack.NONE:
            return [f"       way back: {word('none')}, there is no {name}"]
        case WayBack.FAILED:
            return [f"       way back: {word('failed')}, {name} did not run", *_failed_lines(back)]
        case WayBack.LOSSY:
            lines = [f"       way back: {word('lossy')}, after {name} this is not as it was before:"]
            return lines + _moved(shown_difference(back.left, verbose=verbose), 9)
    return []


def _failed_lines(back: WayBackReport) -> list[str]:
    texts = [text for text in (back.where, back.cause) if text]
    return [f"         {line}" for text in texts for line in printable(text, lines=True).splitlines()]


def shown_totals(found: Rehearsal) -> list[str]:
    """What all steps together changed."""
    lines = ["", "in all"]
    lines += _moved(_schema_lines(found.schema, definitions=False), 2) or ["  the schema stays as it is"]
    for count in found.counts:
        lines.append(f"  rows of {printable(count.table)}: {number(count.before)} → {number(count.after)}")
    return lines


def _schema_lines(changes: Sequence[SchemaChange], *, definitions: bool) -> list[str]:
    """The changes of a schema; without `definitions`, a table that came or went is one line, its indexes with it."""
    if not definitions:
        whole = {change.table for change in changes if _is_whole_table(change)}
        changes = [c for c in changes if c.table not in whole or _is_whole_table(c) or c.kind is Kind.TRIGGER]
    return [_coloured(printable(line)) for line in difference_lines(changes, _WIDTH - 9, definitions=definitions)]


def _is_whole_table(change: SchemaChange) -> bool:
    return change.kind is Kind.TABLE and change.change is not Change.CHANGED


def shown_estimate(found: Rehearsal) -> list[str]:
    """How long a run would take, and what it would keep others from meanwhile."""
    parts = f"{seconds(sum(step.duration_ms for step in found.steps))} for the steps"
    if found.takes_snapshot:
        parts += f", {seconds(found.copy_ms)} for the snapshot"
    return [f"A run would take about {seconds(found.estimate_ms)}: {parts};", f"{found.locks}."]


def _end_lines(found: Rehearsal, command: str) -> list[str]:
    lines = shown_estimate(found)
    lines.append("The database was not touched." if found.database_exists else "No database was made.")
    if found.saved_to:
        lines.append(f"The plan is saved in {printable(found.saved_to)}.")
    return [*lines, f"Run it: {command}"]


def _moved(lines: Iterable[str], by: int) -> list[str]:
    return [f"{' ' * by}{line}" for line in lines]
