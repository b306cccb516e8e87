"""What the pages say: the values of the actions as plain data for the templates, in the words of the terminal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from textwrap import dedent
from typing import Any

import click

from ..actions.graph import GraphReport
from ..actions.history import HistoryReport, MigrationHistory
from ..actions.plan import PlanReport
from ..actions.preview import SQL, StepPreview
from ..actions.restore import Restored
from ..actions.snapshot import Verified
from ..cli.errors import error_as_json
from ..cli.plan_screen import commit_points, step_notes
from ..cli.rehearsal_screen import shown_difference, shown_estimate, shown_totals, shown_way_back, statement_facts
from ..cli.text import counted, moment, number, printable, quarantine_lines, seconds, size
from ..databases.log import LogRow
from ..errors import MigrateError, PlanMoved
from ..model.plan import Direction, Plan
from ..model.rehearsal import Rehearsal, StepRehearsal
from ..model.report import RunReport
from ..runtime.snapshots import Snapshot

_MOST_STATEMENTS = 40  # of one step
_SQL_CHARACTERS = 4_000  # of one statement


def plan_digest(plan: Plan) -> str:
    """What tells one plan from another: the steps, their direction and their files, and where it commits."""
    told = [plan.commit.value]
    told += [f"{step.direction.value} {step.name} {step.migration.checksum}" for step in plan.steps]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def plan_words(report: PlanReport) -> dict[str, Any]:
    """A plan as its page shows it: the steps with what stands in their files."""
    plan = report.preview.plan
    points = commit_points(report.preview)
    if not report.database_exists:
        before = f"The database is a new file: {printable(report.database)}."
    elif report.takes_snapshot:
        before = "A snapshot is taken before step 1."
    else:
        before = "No snapshot will be taken."
    return {
        "digest": plan_digest(plan),
        "count": counted(len(plan.steps), "migration"),
        "before": before,
        "remarks": [printable(remark) for remark in plan.remarks],
        "findings": sum(len(step.findings) for step in report.preview.steps),
        "steps": [
            _planned_step(place, step, points.get(place, "")) for place, step in enumerate(report.preview.steps, 1)
        ],
    }


def _planned_step(place: int, preview: StepPreview, commit_point: str) -> dict[str, Any]:
    migration = preview.step.migration
    return {
        "place": place,
        "name": printable(migration.name),
        "version": migration.version,
        "description": printable(migration.description),
        "commit_point": commit_point,
        "notes": step_notes(preview),
        "findings": [
            {
                "severity": finding.severity.value,
                "message": printable(finding.message),
                "where": printable(finding.where),
                "code": finding.code,
            }
            for finding in preview.findings
        ],
        "work": [
            {"sql": work.kind == SQL, "text": _undented(work.text), "line": work.line}
            for work in preview.work[:_MOST_STATEMENTS]
        ],
        "more_work": len(preview.work[_MOST_STATEMENTS:]),
        "dynamic": counted(preview.dynamic, "statement") if preview.dynamic else "",
    }


def rehearsal_words(found: Rehearsal) -> dict[str, Any]:
    """What a rehearsal saw, step by step, and what a run would take."""
    not_tried = [printable(step.name) for step in found.plan.steps[len(found.steps) :]]
    told: dict[str, Any] = {
        "rehearsal": {
            "copy": f"{size(found.size_before)} in {seconds(found.copy_ms)}",
            "steps": [_rehearsed_step(place, step) for place, step in enumerate(found.steps, 1)],
            "not_tried": not_tried,
            "totals": _plain(shown_totals(found)[2:]) if len(found.steps) > 1 else [],
            "remarks": [printable(remark) for remark in (*found.plan.remarks, *found.remarks)],
            "estimate": " ".join(shown_estimate(found)) if found.failure is None and found.steps else "",
            "untouched": "The database was not touched." if found.database_exists else "No database was made.",
        },
        "digest": plan_digest(found.plan),
        "rehearsed_well": found.failure is None,
    }
    if found.failure is not None:
        told["error"] = error_words(found.failure)
    return told


def _rehearsed_step(place: int, step: StepRehearsal) -> dict[str, Any]:
    back = [] if step.failed else _plain(shown_way_back(step, verbose=True))
    return {
        "place": place,
        "name": printable(step.step.name),
        "description": printable(step.step.migration.description),
        "state": "failed" if step.failed else "ran",
        "seconds": seconds(step.duration_ms),
        "statements": [
            {
                "line": statement.line or "",
                "sql": _undented(statement.sql),
                "facts": ", ".join(statement_facts(statement, verbose=False)),
            }
            for statement in step.statements[:_MOST_STATEMENTS]
        ],
        "more_statements": len(step.statements[_MOST_STATEMENTS:]) + step.more_statements,
        "messages": [printable(message, lines=True) for message in step.messages],
        "quarantined": [line for rows in step.quarantined for line in quarantine_lines(rows, 120)],
        "changes": _signed(shown_difference(step.difference, verbose=False)),
        "way_back": back[0].removeprefix("way back: ") if back else "",
        "way_back_kind": step.way_back.verdict.value.replace(" ", "-"),
        "way_back_more": _signed(back[1:]),
    }


def report_words(report: RunReport) -> dict[str, Any]:
    """What a run did."""
    remarks = [printable(remark) for remark in (*report.plan.remarks, *report.remarks)]
    if not report.steps:
        return {"done": {"nothing": True, "version": report.version_after, "remarks": remarks}}
    return {
        "done": {
            "nothing": False,
            "count": counted(len(report.steps), "migration"),
            # What was interrupted on the way down is resumed on the way down.
            "done": "applied" if report.plan.direction is Direction.UP else "reverted",
            "version_before": report.version_before,
            "version_after": report.version_after,
            "seconds": seconds(report.duration_ms),
            "snapshot": report.snapshot_id,
            "quarantined": [
                line for step in report.steps for rows in step.quarantined for line in quarantine_lines(rows, 120)
            ],
            "remarks": remarks,
        }
    }


def restored_words(done: Restored) -> dict[str, Any]:
    return {
        "restored": {
            "id": done.snapshot.id,
            "taken_at": moment(done.snapshot.taken_at),
            "version": done.snapshot.version_before,
            "saved": done.saved.id if done.saved else "",
            "moved_aside": printable(done.moved_aside),
        }
    }


def verified_words(checked: Sequence[Verified]) -> dict[str, Any]:
    return {
        "verified": [{"id": item.snapshot.id, "problem": printable(item.problem)} for item in checked],
        "damaged": sum(bool(item.problem) for item in checked),
    }


def error_words(error: MigrateError) -> dict[str, Any]:
    """An error with the parts that the terminal shows, in their order."""
    told = error_as_json(error)
    parts = [("where", "where"), ("cause", "cause"), ("changed", "changed"), ("unchanged", "unchanged")]
    problems = [
        {
            "where": printable(f"{p['path']}:{p['line']}" if p["line"] else p["path"]),
            "what": printable(p["what"]),
            "remedy": printable(p["remedy"]),
        }
        for p in told.get("problems", ())
    ]
    return {
        "code": told["code"],
        "what": printable(told["what"]),
        "parts": [
            *(
                # What a migration or a database said stays as it is; of a plan that moved, the cause is in our words.
                {
                    "label": label,
                    "text": printable(told[key], lines=True),
                    "ours": key == "cause" and isinstance(error, PlanMoved),
                }
                for label, key in parts
                if told[key]
            ),
            *({"label": "note", "text": printable(note, lines=True), "ours": False} for note in told["notes"]),
        ],
        "next": printable(told["next"], lines=True),
        "problems": problems,
    }


def history_words(report: HistoryReport) -> list[dict[str, Any]]:
    """A row for each event, newest first; what was applied before the log began stands at the end."""
    logged = {row.version for row in report.log}
    before = [
        {
            "at": moment(entry.applied_at),
            "event": "applied",
            "version": entry.version,
            "name": printable(entry.name or entry.description or entry.version),
            "seconds": "",
            "who": printable(entry.applied_by),
            "detail": "before the log began",
            "snapshot": "",
        }
        for entry in report.entries
        if entry.version not in logged or entry.position is None
    ]
    return [*(_event(row) for row in reversed(report.log)), *reversed(before)]


def _event(row: LogRow) -> dict[str, Any]:
    return {
        "at": moment(row.happened_at),
        "event": printable(row.event),
        "version": row.version,
        "name": printable(row.name),
        "seconds": seconds(row.duration_ms),
        "who": printable(f"{row.who}@{row.host}" if row.host else row.who),
        "detail": printable(row.detail, lines=True),
        # Of the one that each step of a run names, once is enough.
        "snapshot": printable(row.snapshot) if row.event in ("restored", "started") else "",
    }


def migration_words(one: MigrationHistory) -> dict[str, Any]:
    """One migration: its events, the text that ran, and how the file differs."""
    return {
        "name": printable(one.name),
        "version": one.version,
        "state": f"applied {moment(one.entry.applied_at)}" if one.entry is not None else "not applied",
        "events": [_event(row) for row in reversed(one.log)],
        "sources": [{"file": printable(s.file), "text": printable(s.text, lines=True)} for s in one.source],
        "diff": _diff_lines(printable(one.drift.diff, lines=True)) if one.drift is not None else [],
    }


def graph_words(report: GraphReport) -> list[dict[str, Any]]:
    """The graph as rows of a table: each migration, and what it depends on."""
    names = {node.version: printable(node.name) for node in report.nodes}
    needs: dict[int, list[str]] = {version: [] for version in names}
    for edge in report.edges:
        needs[edge.dependent].append(names[edge.dependency])
    return [
        {
            "version": node.version,
            "name": names[node.version],
            "state": node.state.value,
            "depends_on": needs[node.version],
            "description": printable(node.description),
        }
        for node in report.nodes
    ]


def snapshot_words(snapshot: Snapshot) -> dict[str, Any]:
    if snapshot.reason == "manual":
        why = snapshot.note or "asked for"
    else:
        why = f"before {snapshot.reason}" + (", which failed" if snapshot.failed else "")
    return {
        "id": snapshot.id,
        "taken_at": moment(snapshot.taken_at),
        "size": size(snapshot.size_bytes),
        "version": snapshot.version_before,
        "why": printable(why),
        "applied": number(len(snapshot.versions)),
    }


def _undented(text: str) -> str:
    """A statement as it stands in its file, but with its margin taken away; a very long one is cut."""
    first, newline, rest = printable(text, lines=True).strip().partition("\n")
    shown = f"{first}{newline}{dedent(rest)}"
    return shown if len(shown) <= _SQL_CHARACTERS else f"{shown[:_SQL_CHARACTERS]} …"


def _plain(lines: Iterable[str]) -> list[str]:
    """Lines of a terminal's screen without colours and without their common margin."""
    return dedent("\n".join(click.unstyle(line) for line in lines)).splitlines()


def _diff_lines(diff: str) -> list[dict[str, str]]:
    """The lines of a diff, whose sign is the first character: behind it stands code, which may begin with one too."""
    kinds = {"+": "added", "-": "removed"}
    return [{"kind": kinds.get(line[:1], ""), "text": line} for line in diff.splitlines()]


def _signed(lines: Iterable[str]) -> list[dict[str, str]]:
    """Lines with what their first character says: added, removed or changed; the sign itself stays in the text."""
    kinds = {"+": "added", "-": "removed", "~": "changed"}
    return [{"kind": kinds.get(line.lstrip()[:1], ""), "text": line} for line in _plain(lines)]
