"""`migrate plan --rehearse`, `up --dry-run`, `down --dry-run`: run it on a copy, and tell what happened."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from ..databases.scratch import UNTOUCHED, Looking, Scratch
from ..databases.writing import Writer
from ..errors import Stopped, UsageError
from ..model.differences import schema_changes
from ..model.events import CopyProgress, OnEvent, ignore
from ..model.history import History
from ..model.plan import CommitMode, Direction, Plan
from ..model.rehearsal import Rehearsal
from ..model.saved_plan import asked_for
from ..model.standing import Standing
from ..project import Project, StrPath
from ..runtime.application_backups import OWN_ROWS, keeps_backups
from ..runtime.executor import RunMaterial
from ..runtime.rehearsal import Rehearser, Rehearsing, counts_of
from .held_plan import HeldPlan
from .plan_file import plan_to_save, refuse_other_file, write_plan
from .planning import Planning, planning_or_held
from .preview import Proposal
from .running import Run, load_resources, loading, prepare_ledger, too_large_for_a_snapshot
from .standing import read_standing, standing_in, stored_files

MOST_SAMPLES = 1000


def rehearse(
    project: Project,
    *,
    direction: Direction | str = Direction.UP,
    to: str | int | None = None,
    only: str | None = None,
    steps: int | None = None,
    commit: CommitMode | str | None = None,
    plan_file: StrPath | None = None,
    save_to: StrPath | None = None,
    samples: int = 3,
    show_values: bool = False,
    way_back: bool = True,
    on_event: OnEvent = ignore,
) -> Rehearsal:
    """Run what `up` (or `down`) with these words would run on a private copy, and return what happened there.

    The database itself is only read. `samples` rows of each kind are kept of each table; parameters of statements are
    told by kind and length, and with `show_values` as they are. After each step the opposite direction is tried too,
    unless `way_back` is False. A migration that fails is no exception here: it is the report's `failure`.

    With `plan_file`, it is the plan that was saved there. With `save_to`, the plan is saved once it was rehearsed
    without a failure, for `up(project, plan_file=…)`.

    Raises:
        FilesRefused, Refused, Interrupted: what up and down would refuse for.
        RehearsalRefused: there is no room for the copy.
        Busy, HotJournal: the database cannot be read just now.
        Stopped: a signal ended it; the copy is gone.
    """
    if show_values and project.redact:
        raise UsageError(
            "values are not shown while columns are redacted: a parameter does not say which column it is for",
            unchanged="nothing was run",
            next_step="leave --show-values out, or the setting redact",
        )
    if not 0 <= samples <= MOST_SAMPLES:
        raise UsageError(
            f"{samples} samples mean nothing", unchanged="nothing was run", next_step=f"say 0 to {MOST_SAMPLES}"
        )
    words = planning_or_held(
        project, Direction(direction), plan_file=plan_file, to=to, only=only, steps=steps, commit=commit
    )
    if save_to is not None:
        refuse_other_file(save_to, project.open_database())  # now, and not after minutes
    wanted = Rehearsing(Looking(samples, project.redact), show_values, way_back)
    current = Run.begin(project, "rehearse", on_event)
    planned: list[History] = []  # for which a plan was made; the last is what was in the copy

    def planning(standing: Standing) -> Plan:
        planned.append(standing.history)
        return current.plan(words, standing, current.schema)

    with current.listening():
        standing = read_standing(current.folder, current.database, current.deadline())
        standing.refuse_unsound()
        found = run_rehearsal(current, planning, planning(standing), wanted)
        if save_to is None or found.failure is not None:
            return found
        schema = found.steps[0].before if found.steps else current.schema()
        asked = words.saved.asked if isinstance(words, HeldPlan) else asked_for(to, only, steps)
        plan = plan_to_save(found.plan, asked, current.folder, current.database, planned[-1], schema)
        write_plan(plan, save_to, current.database)
        return replace(found, saved_to=os.fspath(save_to))


def run_rehearsal(
    current: Run, planning: Planning, plan: Plan, wanted: Rehearsing, *, empty: bool = False
) -> Rehearsal:
    """Run `plan` on a copy of the database, or on an `empty` one; with no steps, nothing is copied."""
    started = time.perf_counter()
    if not plan.steps:
        return Rehearsal(plan, current.database.label, current.database.engine)
    load_resources(plan, current.resources, current.stop)  # before the copy, which may take long

    def progress(done: int, total: int) -> None:
        if current.stop.requested():
            raise Stopped(current.stop.signal_number, "stopped while the database was copied", unchanged=UNTOUCHED)
        current.on_event(CopyProgress(done, total))

    with current.database.scratch(current.deadline(), progress, empty=empty) as scratch:
        with scratch.writer(current.stop.requested) as writer:
            # What is in the copy counts: somebody may have migrated since the first look.
            inside = standing_in(current.folder, writer)
            inside.refuse_unsound()
            plan = planning(inside)
            rehearsal = _run(current, plan, inside, scratch, writer, wanted)
    return replace(rehearsal, duration_ms=round((time.perf_counter() - started) * 1000))


def _run(
    current: Run, plan: Plan, standing: Standing, scratch: Scratch, writer: Writer, wanted: Rehearsing
) -> Rehearsal:
    load_resources(plan, current.resources, current.stop)
    if keeps_backups(writer):
        wanted = replace(wanted, looking=wanted.looking._replace(leave_out=(OWN_ROWS,)))
    proposal = Proposal(plan, current.folder, current.database)
    has_tables = bool(writer.tables())
    with current.database.out_of_reach() as lifted, loading(current, plan) as modules:
        rehearser = Rehearser(
            plan,
            scratch,
            writer,
            RunMaterial(
                modules=modules,
                files={step.name: stored_files(current.folder, step.name) for step in plan.steps},
                paths={step.name: current.folder.sources[step.name].path for step in plan.steps},
                resources=current.resources,
                redact=current.project.redact,
                paced=False,
            ),
            current.actor,
            current.stop,
            wanted=wanted,
            lock_timeout_s=current.project.lock_timeout_s,
            on_event=current.on_event,
            prepare_ledger=lambda ledger: prepare_ledger(current, ledger, standing),
            lifted=lifted,
        )
        rehearser.run()
    too_large = too_large_for_a_snapshot(current.project, current.database) if has_tables else ""
    return Rehearsal(
        plan,
        current.database.label,
        current.database.engine,
        steps=tuple(rehearser.steps),
        failure=rehearser.failure,
        schema=rehearser.secrets.told(schema_changes(rehearser.steps[0].before, rehearser.steps[-1].after)),
        counts=counts_of(rehearser.steps),
        size_before=scratch.size_bytes,
        size_after=scratch.size_now(writer),
        copy_ms=round(scratch.seconds * 1000),
        locks=current.database.run_locks,
        takes_snapshot=has_tables and proposal.calls_for_snapshot(current.project.snapshot),
        database_exists=current.database.exists(),
        remarks=(f"a run would be refused: {too_large}; choose with --snapshot",) if too_large else (),
    )
