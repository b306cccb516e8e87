"""What --json prints of a rehearsal (docs/json.md describes the keys)."""

from __future__ import annotations

from typing import Any

from ..model.differences import changes_as_json
from ..model.rehearsal import Rehearsal, StepRehearsal, WayBack
from ..model.rows import REDACTED, Difference, RowSample
from .as_json import quarantined_as_json
from .errors import error_as_json


def rehearsal_as_json(found: Rehearsal) -> dict[str, Any]:
    return {
        "ok": found.failure is None,
        "rehearsal": True,
        "database": found.database,
        "engine": found.engine,
        "database_exists": found.database_exists,
        "direction": found.plan.direction.value,
        "target": found.plan.target,
        "commit": found.plan.commit.value,
        "steps": [_step(step) for step in found.steps],
        "not_tried": [step.name for step in found.plan.steps[len(found.steps) :]],
        "schema": changes_as_json(found.schema),
        "rows": [{"table": c.table, "before": c.before, "after": c.after} for c in found.counts],
        "copy": {"size_bytes": found.size_before, "size_bytes_after": found.size_after, "duration_ms": found.copy_ms},
        "duration_ms": found.duration_ms,
        "estimate_ms": found.estimate_ms,
        "locks": found.locks,
        "takes_snapshot": found.takes_snapshot,
        "saved_to": found.saved_to or None,
        "remarks": [*found.plan.remarks, *found.remarks],
        "error": error_as_json(found.failure) if found.failure is not None else None,
    }


def _step(step: StepRehearsal) -> dict[str, Any]:
    back = step.way_back
    return {
        "version": step.step.version,
        "name": step.step.name,
        "failed": step.failed,
        "duration_ms": step.duration_ms,
        "statements": [
            {
                "sql": statement.sql,
                "line": statement.line or None,
                "times": statement.times,
                "rows": statement.rows,
                "seconds": round(statement.seconds, 6),
                "parameters": statement.parameters,
            }
            for statement in step.statements
        ],
        "statements_not_told_apart": step.more_statements,
        "messages": list(step.messages),
        "quarantined": quarantined_as_json(step.quarantined),
        **_difference(step.difference),
        "way_back": {
            "verdict": back.verdict.value,
            "duration_ms": back.duration_ms,
            "cause": back.cause or None,
            "where": back.where or None,
            **(_difference(back.left) if back.verdict is WayBack.LOSSY else {"schema": [], "rows": []}),
        },
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "schema": changes_as_json(difference.schema),
        "rows": [
            {
                "table": rows.table,
                "before": rows.before,
                "after": rows.after,
                "added": rows.added,
                "changed": rows.changed,
                "deleted": rows.deleted,
                "samples": [_sample(sample) for sample in rows.samples],
            }
            for rows in difference.rows
        ],
    }


def _sample(sample: RowSample) -> dict[str, Any]:
    return {
        "key": [_value(value) for value in sample.key],
        "before": _row(sample.before),
        "after": _row(sample.after),
    }


def _row(row: dict[str, Any] | None) -> dict[str, Any] | None:
    return {name: _value(value) for name, value in row.items()} if row is not None else None


def _value(value: object) -> object:
    """A value as JSON has it; bytes by their number, and what the settings redact as ***."""
    if value is REDACTED:
        return "***"
    if isinstance(value, bytes):
        return {"bytes": len(value)}
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return str(value)  # JSON has no infinity
    return value
