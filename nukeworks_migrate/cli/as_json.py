"""What --json prints: one object for each command, under keys that stay (docs/json.md describes them)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ..actions.check import CheckReport
from ..actions.history import HistoryReport, MigrationHistory
from ..actions.plan import PlanReport
from ..actions.preview import StepPreview
from ..actions.status import Status
from ..model.history import Entry
from ..model.report import QuarantinedRows, RunReport


def status_as_json(found: Status) -> dict[str, Any]:
    return {
        "ok": not found.problem,
        "database": found.database,
        "engine": found.engine,
        "database_exists": found.database_exists,
        "ledger": found.ledger.value,
        "version": found.version,
        "versions_folder": found.versions_folder,
        "heads": list(found.heads),
        "migrations": [
            {
                "version": line.version,
                "name": line.name,
                "state": line.state.value,
                "description": line.description,
                "applied_at": iso(line.applied_at) or None,
                "duration_ms": line.duration_ms,
                "depends_on": list(line.depends_on),
            }
            for line in found.lines
        ],
        "drift": [
            {**drift._asdict(), "kind": drift.kind.value, "applied_at": iso(drift.applied_at)} for drift in found.drifts
        ],
        "problem": found.problem or None,
    }


def check_as_json(report: CheckReport, exit_code: int) -> dict[str, Any]:
    return {
        "ok": exit_code == 0,
        "verdict": report.verdict.value,
        "exit_code": exit_code,
        "what": report.sentence,
        "database": report.database,
        "version": report.version,
        "required": report.required,
        "pending": list(report.pending),
        "too_new": report.too_new,
        "drifted": report.drifted,
        "interrupted": report.interrupted,
    }


def plan_as_json(report: PlanReport) -> dict[str, Any]:
    plan = report.preview.plan
    return {
        "ok": True,
        "database": report.database,
        "engine": report.engine,
        "database_exists": report.database_exists,
        "direction": plan.direction.value,
        "target": plan.target,
        "commit": plan.commit.value,
        "takes_snapshot": report.takes_snapshot,
        "saved_to": report.saved_to or None,
        "steps": [_step_as_json(step) for step in report.preview.steps],
        "transactions": [[step.name for step in group] for group in plan.groups()],
        "remarks": list(plan.remarks),
    }


def _step_as_json(preview: StepPreview) -> dict[str, Any]:
    migration = preview.step.migration
    return {
        "version": migration.version,
        "name": migration.name,
        "path": migration.path,
        "description": migration.description,
        "depends_on": list(migration.depends_on),
        "transaction": migration.transaction.value,
        "has_downgrade": migration.has_downgrade,
        "out_of_order": preview.step.out_of_order,
        "statements": list(preview.statements),
        "statements_built_at_run_time": preview.dynamic,
        "transforms": list(preview.transforms),
        "work": [work._asdict() for work in preview.work],
        "findings": [
            {"code": f.code, "severity": f.severity.value, "message": f.message, "where": f.where}
            for f in preview.findings
        ],
    }


def report_as_json(report: RunReport) -> dict[str, Any]:
    return {
        "ok": True,
        "direction": report.plan.direction.value,
        "target": report.plan.target,
        "run_id": report.run_id or None,
        "version_before": report.version_before,
        "version_after": report.version_after,
        "created_database": report.created_database,
        "duration_ms": report.duration_ms,
        "steps": [
            {
                "version": done.step.version,
                "name": done.step.name,
                "duration_ms": done.duration_ms,
                "statements": done.statements,
                "messages": list(done.messages),
                "quarantined": quarantined_as_json(done.quarantined),
                "retried": done.retried,
            }
            for done in report.steps
        ],
        "snapshot": {
            "id": report.snapshot_id,
            "path": report.snapshot_path,
            "size_bytes": report.snapshot_bytes,
        }
        if report.snapshot_id
        else None,
        "pruned": list(report.pruned),
        "remarks": [*report.plan.remarks, *report.remarks],
    }


def quarantined_as_json(found: tuple[QuarantinedRows, ...]) -> list[dict[str, Any]]:
    return [
        {
            "table": rows.table,
            "total": rows.total,
            "first": [{"key": place, "error": error} for place, error in rows.first],
        }
        for rows in found
    ]


def history_as_json(report: HistoryReport) -> dict[str, Any]:
    return {
        "ok": True,
        "database": report.database,
        "applied": [_entry_as_json(entry) for entry in report.entries],
        "log": [row._asdict() for row in report.log],
    }


def migration_history_as_json(one: MigrationHistory) -> dict[str, Any]:
    return {
        "ok": True,
        "database": one.database,
        "version": one.version,
        "name": one.name,
        "applied": _entry_as_json(one.entry) if one.entry is not None else None,
        "log": [row._asdict() for row in one.log],
        "source": [stored._asdict() for stored in one.source],
        "diff": one.drift.diff if one.drift is not None else None,
    }


def _entry_as_json(entry: Entry) -> dict[str, Any]:
    return {**entry._asdict(), "applied_at": iso(entry.applied_at)}


def iso(moment: str) -> str:
    """A time of the ledger as ISO 8601 in UTC; what the old system wrote there and is no time stays as it is."""
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    return parsed.replace(tzinfo=parsed.tzinfo or UTC).isoformat().replace("+00:00", "Z")
