"""What a plan's steps will do, as far as their files tell: SQL that stands in them, calls that make it, findings."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ..databases.base import Database
from ..files.folder import Folder
from ..model.findings import Finding
from ..model.plan import Direction, Plan, Step

SQL = "sql"  # the kind of work that is a statement
_WITH_CHECKPOINTS = frozenset({"transform", "copy_rows", "update"})


class Work(NamedTuple):
    """One thing that a step does: a statement of SQL, or a call of the handle in plain words."""

    kind: str  # sql; or the call: transform, copy_rows, update or alter_table
    text: str
    line: int  # where its call begins


@dataclass(frozen=True, slots=True)
class StepPreview:
    """One step as its file shows it; nothing has run."""

    step: Step
    work: tuple[Work, ...]  # in the order in which it runs, as far as that does not depend on data
    dynamic: int  # statements that are built while it runs
    transforms: tuple[str, ...]  # tables that Python functions compute columns of
    findings: tuple[Finding, ...]
    silenced: tuple[Finding, ...] = ()  # by a comment in the file, see files.noqa
    may_lose: bool = False  # something that was there, by calls of which the file does not tell all

    @property
    def statements(self) -> tuple[str, ...]:
        """SQL that stands in the file as literals."""
        return tuple(work.text for work in self.work if work.kind == SQL)

    @property
    def has_checkpoints(self) -> bool:
        """Whether all that the file tells of a step goes on where it stopped, in a migration without transaction."""
        return not self.dynamic and bool(self.work) and all(work.kind in _WITH_CHECKPOINTS for work in self.work)


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan with what its files tell about it."""

    plan: Plan
    steps: tuple[StepPreview, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for step in self.steps for finding in step.findings)


# Words of which a statement has at least one before it can be a finding.
_SUSPECT = (b"drop", b"delete", b"update", b"replace", b"truncate", b"begin", b"commit", b"rollback", b"schema_version")
# What may change anything, and of which the files tell no SQL.
_UNREAD = (b"connection", b"alter_table")
_DOWNGRADE = re.compile(rb"^def downgrade\(.*\n(?:(?:[ \t)#].*)?\n)*", re.MULTILINE)


@dataclass(frozen=True)
class Proposal:
    """A plan that is about to be run, for whoever confirms it; its files are looked at when they are asked about."""

    plan: Plan
    folder: Folder
    database: Database

    @cached_property
    def preview(self) -> Preview:
        return preview_plan(self.plan, self.folder, self.database)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What deserves a second thought; files that cannot hold any of it are not even parsed."""
        return tuple(
            finding
            for step in self.plan.steps
            if _may_hold_findings(step, self.folder.sources[step.name].content)
            for finding in _preview_step(step, self.folder, self.database).findings
        )

    def calls_for_snapshot(self, policy: str | None) -> bool:
        """Whether a run of it takes a snapshot under `policy` (None: always), where there is something to copy."""
        return policy != "never" and (policy != "destructive" or self.may_destroy)

    @cached_property
    def may_destroy(self) -> bool:
        """Whether rows or columns may be lost; also where the files do not tell what will be run.

        A finding that the file silences counts as well: that something is meant makes it no less lost.
        """
        if self.plan.direction is Direction.DOWN:
            return True
        return any(
            step.findings
            or step.silenced
            or step.dynamic
            or step.may_lose
            or not step.work
            or any(word in self.folder.sources[step.step.name].content for word in _UNREAD)
            for step in self.preview.steps
        )


def _may_hold_findings(step: Step, content: bytes) -> bool:
    if step.direction is Direction.UP and content.count(b"downgrade") == 1:
        content = _DOWNGRADE.sub(b"", content)
    lowered = content.lower()  # ten searches for a word are ten times as fast as one for a pattern of ten
    return any(word in lowered for word in _SUSPECT)


def preview_plan(plan: Plan, folder: Folder, database: Database) -> Preview:
    """Look at each step's file for SQL and for what deserves a second thought."""
    return Preview(plan, tuple(_preview_step(step, folder, database) for step in plan.steps))


def _preview_step(step: Step, folder: Folder, database: Database) -> StepPreview:
    # A run that is not asked about, and whose files cannot hold a finding, never comes here.
    from ..files.literals import SqlLiteral, sql_in_function
    from ..files.noqa import not_silenced
    from ..model.statements import renamed_to, statement_findings

    function = "upgrade" if step.direction is Direction.UP else "downgrade"
    source = folder.sources[step.name]
    found = sql_in_function(ast.parse(source.content), function)
    work: list[Work] = []
    findings: list[tuple[int, Finding]] = []  # with the place of its statement
    renamed: dict[str, int] = {}  # the last place at which a table got that name
    may_lose = False
    for told in found.in_order:
        if isinstance(told, SqlLiteral):
            parts = [(Work(SQL, statement, told.line), statement) for statement in database.statements(told.sql)]
        else:
            parts = [(Work(told.call, told.text, told.line), told.sql)]
            may_lose = may_lose or told.may_lose
        for done, statement in parts:
            place = len(work)
            work.append(done)
            where = f"{step.migration.path}:{told.line}"
            findings.extend((place, finding.at(where)) for finding in statement_findings(statement))
            if name := renamed_to(statement):
                renamed[name.lower()] = place
    # A table that gets its name back from another one was rebuilt, not lost.
    kept = tuple(finding for place, finding in findings if renamed.get(finding.table.lower(), -1) < place)
    audible = not_silenced(kept, source) if kept else kept
    heard = set(audible)
    silenced = tuple(finding for finding in kept if finding not in heard)
    return StepPreview(step, tuple(work), found.dynamic, found.transforms, audible, silenced, may_lose)
