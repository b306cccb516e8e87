"""`migrate lint`: what is worth saying about migrations, from their files and from what a rehearsal saw."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ..databases.base import Database
from ..databases.scratch import Looking
from ..errors import DatabaseRefused, ModuleNotLoaded, Refused
from ..files.code_findings import code_findings
from ..files.folder import Folder
from ..files.noqa import not_silenced
from ..files.source import SourceFile
from ..model.events import OnEvent, ignore
from ..model.findings import DOWNGRADE_NOT_EXACT, REHEARSAL_FAILED, Finding
from ..model.history import History, LedgerState
from ..model.migration import Migration
from ..model.plan import CommitMode, Direction, Plan, Step
from ..model.rehearsal import Rehearsal
from ..model.rehearsal_findings import MOST_ROWS, rehearsal_findings
from ..model.standing import Standing
from ..project import Project
from ..runtime.rehearsal import Rehearsing
from .planning import planning_for
from .preview import preview_plan
from .rehearse import run_rehearsal
from .running import Run
from .standing import read_standing


@dataclass(frozen=True, slots=True)
class LintReport:
    """Findings about migrations, by file and line; those that a comment `# noqa` silences are left out."""

    findings: tuple[Finding, ...]
    names: tuple[str, ...]  # of the migrations that were looked at
    folder: str
    rehearsed_on: str  # the database of which a copy was used; "an empty database"; empty where nothing was run
    why_static: str = ""  # why nothing was run, where it was wanted


def lint(
    project: Project,
    *,
    everything: bool = False,
    static: bool = False,
    most_rows: int = MOST_ROWS,
    on_event: OnEvent = ignore,
) -> LintReport:
    """Look at the migrations that are pending, in their files and by a rehearsal on a copy of the database.

    With `everything`, and where there is no database yet, it is all of them, rehearsed from nothing on an empty one.
    With `static` nothing is run. What cannot be rehearsed, because the ledger and the files do not agree or a resource
    is missing, is looked at in the files alone, and `why_static` says so.

    Raises:
        FilesRefused: the files have problems.
        Busy, HotJournal, DatabaseRefused: the database cannot be read.
        Stopped: a signal ended it.
    """
    current = Run.begin(project, "lint", on_event, any_database=True)
    with current.listening():
        return _lint(current, everything=everything, static=static, most_rows=most_rows)


def _lint(current: Run, *, everything: bool, static: bool, most_rows: int) -> LintReport:
    folder = current.folder
    empty = everything or not current.project.database or not current.database.exists()
    standing = (
        Standing(folder.graph, History(state=LedgerState.NONE)) if empty else read_standing(folder, current.database)
    )
    chosen = [migration for migration in folder.migrations if migration.version not in standing.history.applied]
    rehearsal, broken, why_static = None, [], ""
    if not static and chosen:
        try:
            rehearsal = _rehearsed(current, standing, empty=empty)
        except ModuleNotLoaded as error:
            broken.append(REHEARSAL_FAILED.finding(f"{error.what}: {error.cause}", where=error.where))
        except DatabaseRefused:
            raise
        except Refused as error:
            why_static = error.what
    in_files = _findings_in_files(folder, chosen, current.database, _lines_that_ran(rehearsal))
    seen = rehearsal_findings(rehearsal, most_rows=most_rows) if rehearsal is not None else ()
    every = dict.fromkeys(_placed(folder, finding) for finding in [*seen, *broken, *in_files])
    return LintReport(
        _told(folder, sorted(every, key=lambda finding: (finding.path, finding.line, finding.code))),
        tuple(migration.name for migration in chosen),
        folder.shown,
        "" if rehearsal is None else "an empty database" if empty else f"a copy of {current.database.label}",
        why_static,
    )


def _rehearsed(current: Run, standing: Standing, *, empty: bool) -> Rehearsal:
    """Rehearse all that is pending; rows are counted, and none of them is kept."""
    standing.refuse_unsound()
    planning = planning_for(current.project, Direction.UP, to=None, only=None, steps=None, commit=CommitMode.RUN)
    return run_rehearsal(current, planning, planning(standing), Rehearsing(Looking(samples=0)), empty=empty)


def _lines_that_ran(rehearsal: Rehearsal | None) -> set[str]:
    """Where statements ran, as `where` of a finding has it: what they did is known better than from the file."""
    if rehearsal is None:
        return set()
    return {f"{step.step.migration.path}:{statement.line}" for step in rehearsal.steps for statement in step.statements}


def _findings_in_files(
    folder: Folder, chosen: Sequence[Migration], database: Database, ran: Container[str]
) -> Iterator[Finding]:
    steps = tuple(Step(migration, Direction.UP) for migration in chosen)
    for finding in preview_plan(Plan(Direction.UP, steps), folder, database).findings:
        if finding.where not in ran:
            yield finding
    helpers = dict.fromkeys(name for migration in chosen for name in folder.helpers.get(migration.name, ()))
    for name in (*(migration.name for migration in chosen), *helpers):
        source = folder.sources[name]
        tree = ast.parse(source.content)
        yield from code_findings(tree, f"{folder.shown}/{source.name}", database.statements, is_helper=name in helpers)


def _placed(folder: Folder, finding: Finding) -> Finding:
    """Give a finding about a whole function that function's line, where a comment can silence it."""
    source = _source_at(folder, finding.path)
    if finding.line or source is None:
        return finding
    wanted = "downgrade" if finding.code == DOWNGRADE_NOT_EXACT.code else "upgrade"
    for node in ast.parse(source.content).body:
        if isinstance(node, ast.FunctionDef) and node.name == wanted:
            return finding.at(f"{finding.path}:{node.lineno}")
    return finding


def _told(folder: Folder, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings, in order of file, that no comment `# noqa` silences."""
    told: list[Finding] = []
    for path, found in groupby(findings, key=lambda finding: finding.path):
        source, about_it = _source_at(folder, path), tuple(found)
        told += about_it if source is None else not_silenced(about_it, source)
    return tuple(told)


def _source_at(folder: Folder, path: str) -> SourceFile | None:
    return folder.sources.get(path.rpartition("/")[2].removesuffix(".py"))
