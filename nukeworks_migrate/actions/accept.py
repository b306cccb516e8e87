"""`migrate accept`: take a changed file for the one that ran."""

from __future__ import annotations

from dataclasses import dataclass

from ..databases.recording import Ledger
from ..errors import Refused, UsageError
from ..model.events import OnEvent, ignore
from ..model.standing import Drift, Standing
from ..model.targets import resolve_migration
from ..project import Project
from ..runtime import clock
from .running import Run, change_ledger
from .standing import stored_files


@dataclass(frozen=True, slots=True)
class Accepted:
    database: str
    drift: Drift
    reason: str


def accept(project: Project, name: str, *, reason: str, on_event: OnEvent = ignore) -> Accepted:
    """Record today's file in place of the one that was applied, with the reason; nothing is run.

    Databases that ran the old file keep what it did: only the ledger's checksum, name and text change.

    Raises:
        UsageError: no reason, or no such migration.
        Refused: it is not applied, or has not changed.
    """
    if not reason.strip():
        raise UsageError(
            "accept needs a reason, for those who will ask",
            unchanged="nothing was changed",
            next_step=f'migrate accept {name} --reason "only a comment was corrected"',
        )
    current = Run.begin(project, "accept", on_event)
    migration = current.folder.graph[resolve_migration(current.folder.graph, name)]
    found: list[Drift] = []

    def change(ledger: Ledger, standing: Standing) -> None:
        drift = next((drift for drift in standing.drifts if drift.version == migration.version), None)
        if drift is None:
            applied = migration.version in standing.history.applied
            raise Refused(
                f"{migration.name} {'has not changed since it was applied' if applied else 'is not applied'}",
                unchanged="nothing was changed",
                next_step="see where it stands: migrate status",
            )
        found.append(drift)
        ledger.accept(migration, stored_files(current.folder, migration.name), now=clock.now(), reason=reason.strip())

    with current.listening():
        current.refuse_missing()
        current.standing()
        change_ledger(current, change)
    return Accepted(current.database.label, found[0], reason.strip())
