"""A plan as a screen: steps, commit points, what stands in the files of SQL and of calls that make it, findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap

from ..actions.preview import SQL, Preview, StepPreview, Work
from ..model.findings import Finding, Severity
from ..model.plan import CommitMode, Direction, Plan
from .output import word
from .text import called, counted, indented, printable

_WIDTH = 80
_MOST_STATEMENTS = 6  # and calls, of one step; --verbose shows all
_SEVERITIES = {Severity.INFO: "note:", Severity.WARNING: "warning:", Severity.ERROR: "error:"}
TITLES = {Direction.UP: "upgrade", Direction.DOWN: "downgrade"}
_VERBS = {Direction.UP: "apply", Direction.DOWN: "take back"}


def plan_screen(preview: Preview, label: str, engine: str, *, verbose: bool = False) -> str:
    """The plan, without the last lines that say what to do with it."""
    plan = preview.plan
    lines = [
        f"{TITLES[plan.direction]}   {counted(len(plan.steps), 'step')}   {printable(label)} ({engine})",
        "",
    ]
    starts = commit_points(preview)
    for number, step in enumerate(preview.steps, 1):
        lines.extend(_step_lines(number, step, starts.get(number, ""), verbose=verbose))
    remarks = [f"{word('note:')} {printable(remark)}" for remark in plan.remarks]
    return "\n".join([*lines, *([""] if remarks else []), *remarks])


def nothing_to_do(plan: Plan, label: str, saved_to: str) -> str:
    """What is said of a plan without steps, and where it is saved all the same."""
    remarks = "".join(f"note: {printable(remark)}\n" for remark in plan.remarks)
    saved = f"\nA plan without steps is saved in {printable(saved_to)}." if saved_to else ""
    return f"{remarks}Nothing to do: {printable(label)} has nothing to {_VERBS[plan.direction]}.{saved}"


def commit_points(preview: Preview) -> dict[int, str]:
    """What stands beside a step: which transaction begins with it, by number of step."""
    starts = {}
    number = 1
    groups = preview.plan.groups()
    for group in groups:
        if group[0].alone:
            words = "no transaction"
        elif len(group) == 1 and preview.plan.commit is CommitMode.EACH:
            words = "own transaction"
        elif len(groups) == 1:
            words = "one transaction"
        else:
            last = number + len(group) - 1
            words = f"one transaction, steps {number} to {last}" if last > number else "one transaction"
        starts[number] = words
        number += len(group)
    return starts


def _step_lines(number: int, preview: StepPreview, transaction: str, *, verbose: bool) -> list[str]:
    step = preview.step
    name = printable(step.name)
    lines = [f"{number:>3}  {name}{transaction.rjust(max(_WIDTH - 5 - len(name), len(transaction) + 3))}".rstrip()]
    if step.migration.description:
        lines.append(f"       {printable(step.migration.description)}")
    shown = preview.work if verbose else preview.work[:_MOST_STATEMENTS]
    for work in shown:
        lines.append(f"       {indented(_shown(work, verbose=verbose), 7)}")
    if len(preview.work) > len(shown):
        lines.append(f"       … {_more(preview.work[len(shown) :])} (-v shows all)")
    if preview.dynamic:
        lines.append(f"       Python: {counted(preview.dynamic, 'statement')} built while it runs")
    if not preview.work and not preview.dynamic:
        lines.append("       Python: no SQL stands in the file itself")
    notes = [f"{word('note:')} {note}" for note in step_notes(preview)]
    lines.extend(f"       {line}" for line in (*notes, *finding_lines(preview.findings, width=_WIDTH - 7)))
    return lines


def _more(hidden: Sequence[Work]) -> str:
    """How many statements and calls these are."""
    statements = sum(work.kind == SQL for work in hidden)
    counts = (("more statement", statements), ("more call", len(hidden) - statements))
    return " and ".join(counted(count, what) for what, count in counts if count)


def step_notes(preview: StepPreview) -> list[str]:
    """What the reader of a step should know besides what it does and what was found in it."""
    step = preview.step
    notes = []
    if step.out_of_order:
        notes.append("out of order: a higher number is already applied")
    if step.direction is Direction.UP and not step.migration.has_downgrade:
        notes.append("no downgrade: there is no way back through code")
    if step.alone and preview.has_checkpoints:
        notes.append(called("committed in batches; where it stops, migrate resume goes on"))
    elif step.alone:
        notes.append("if it fails, what it has done stays; it runs at least once")
    notes += [
        f"needs the resource {name!r}, which the application hands in"
        for name in map(printable, step.migration.resources)
    ]
    return notes


def finding_lines(findings: Iterable[Finding], *, width: int = _WIDTH) -> list[str]:
    """A line for each finding, or more where one is not enough."""
    lines = []
    for finding in findings:
        severity = _SEVERITIES[finding.severity]
        message, where = printable(finding.message), f"{printable(finding.where)}   [{finding.code}]"
        if len(f"{severity} {message}   {where}") <= width:
            lines.append(f"{word(severity)} {message}   {where}")
        else:
            margin = " " * len(severity)
            first, *rest = wrap(message, max(width - len(severity) - 1, 20), break_long_words=False) or [""]
            lines += [f"{word(severity)} {first}", *(f"{margin} {line}" for line in rest), f"{margin} {where}"]
    return lines


def _shown(work: Work, *, verbose: bool) -> str:
    """A statement or a call for the eye: whole with -v, else what goes into a line."""
    plain = printable(work.text, lines=True).strip()
    if verbose and work.kind != SQL:
        return "\n".join(wrap(plain, _WIDTH - 7, subsequent_indent="    ", break_long_words=False))
    if verbose:
        first, newline, rest = plain.partition("\n")
        return f"{first}{newline}{_undented(rest)}"
    one_line = " ".join(plain.split())
    return one_line if len(one_line) <= _WIDTH - 7 else one_line[: _WIDTH - 9] + " …"


def _undented(rest: str) -> str:
    """The lines after a statement's first, moved left so that the last of them stands under the first."""
    lines = rest.splitlines()
    spare = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[spare:] for line in lines)
