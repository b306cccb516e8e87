"""The schema that migrations make: each one's upgrade() run, in a given order, on an empty database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from ..databases.base import Database, Deadline
from ..databases.recording import Actor, Ledger
from ..databases.writing import Writer
from ..files.loader import loaded_modules
from ..files.source import SourceFile
from ..model.history import History, LedgerState
from ..model.migration import Migration
from ..model.plan import Direction, Plan, Step
from ..version import __version__
from .clock import new_run_id, now
from .executor import Executor, RunMaterial
from .signals import StopFlag


@dataclass(frozen=True)
class Recipe:
    """One migration, with the text that is to be run: its file and its helpers, by name without .py."""

    migration: Migration
    sources: Mapping[str, SourceFile]


@contextmanager
def built_database(
    database: Database,
    recipes: Sequence[Recipe],
    *,
    resources: Mapping[str, Any],
    stop: StopFlag,
    lock_timeout_s: float,
) -> Iterator[Writer]:
    """Run the upgrades on an empty scratch database of `database`'s kind, and give what they made.

    check() and verify() are left out: they ask about data, and there is none. `database` itself is not opened.

    Raises:
        ModuleNotLoaded, StepFailed, Interrupted: a migration cannot run there; `name` says which.
        RehearsalRefused: there is no folder for temporary files.
    """
    with ExitStack() as stack:
        stack.enter_context(database.out_of_reach())  # for what the files do while they are imported, too
        modules = {}
        for recipe in recipes:
            modules.update(stack.enter_context(loaded_modules(recipe.sources, [recipe.migration])))
        scratch = stack.enter_context(database.scratch(Deadline(lock_timeout_s), lambda done, total: None, empty=True))
        writer = stack.enter_context(scratch.writer(stop.requested))
        if recipes:
            ledger = Ledger(writer, Actor(new_run_id(now()), "", "", __version__), History(state=LedgerState.NONE))
            executor = Executor(
                Plan(Direction.UP, tuple(Step(recipe.migration, Direction.UP) for recipe in recipes)),
                scratch.database,
                writer,
                ledger,
                RunMaterial(
                    modules=modules,
                    files={recipe.migration.name: () for recipe in recipes},
                    paths={recipe.migration.name: recipe.sources[recipe.migration.name].path for recipe in recipes},
                    resources=resources,
                    paced=False,
                ),
                stop,
                lock_timeout_s=lock_timeout_s,
                on_event=lambda event: None,
                prepare_ledger=ledger.prepare,
                with_checks=False,
            )
            executor.run()
        yield writer
