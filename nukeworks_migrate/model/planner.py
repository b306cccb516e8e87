"""The planner decides what a run will do. It has no connection, path or clock: same inputs, same plan."""

from __future__ import annotations

from ..errors import NoWayBack, OutOfOrder, UsageError
from .graph import MigrationGraph
from .history import History
from .plan import CommitMode, Direction, Plan, Step
from .targets import BASE, HEAD, resolve_migration, resolve_state


def plan_up(
    graph: MigrationGraph,
    history: History,
    *,
    to: str | None = None,
    only: str | None = None,
    steps: int | None = None,
    commit: CommitMode = CommitMode.RUN,
    refuse_out_of_order: bool = False,
) -> Plan:
    """Return the steps that leave nothing pending of what was asked for; an empty plan when nothing is.

    `to` means the state at that version, `only` one migration and what it depends on, `steps` the next so
    many. A migration comes after all that it depends on; among those that are free to run, the
    lowest version first.

    Raises:
        UnknownTarget: `to` or `only` names no migration.
        OutOfOrder: a pending number is lower than an applied one, and `refuse_out_of_order` says no.
        UsageError: more than one of `to`, `only` and `steps`, or a number of steps below 1.
    """
    _one_choice(to, only, steps)
    if only is not None:
        wanted = graph.with_dependencies([resolve_migration(graph, only)])
    else:
        wanted = resolve_state(graph, HEAD if to is None else to)
    order = graph.in_order(wanted - history.applied)
    if steps is not None:
        order = order[:steps]
    highest = history.version
    plan = Plan(
        direction=Direction.UP,
        steps=tuple(Step(graph[v], Direction.UP, out_of_order=v < highest) for v in order),
        commit=commit,
        target=only or to or HEAD,
        remarks=tuple(_remarks_up(graph, history, wanted, order)),
    )
    late = [step.name for step in plan.steps if step.out_of_order]
    if late and refuse_out_of_order:
        raise OutOfOrder(
            f"{late[0]} comes after version {highest} was applied",
            cause='the settings say out_of_order = "refuse"; also: ' + ", ".join(late[1:])
            if late[1:]
            else 'the settings say out_of_order = "refuse"',
            next_step="give it a number above all applied ones, or allow it: out_of_order = apply",
        )
    return plan


def plan_down(
    graph: MigrationGraph,
    history: History,
    *,
    to: str | None = None,
    only: str | None = None,
    steps: int | None = None,
    commit: CommitMode = CommitMode.RUN,
) -> Plan:
    """Return the steps that leave nothing applied outside of what was asked for.

    `to` keeps the state at that version (the version itself stays), `only` takes back one migration and what
    depends on it, `steps` the last so many. None is taken back before what depends on it; where that
    leaves a choice, the latest applied first. Every applied version has to be in `graph`.

    Raises:
        UnknownTarget: `to` or `only` names no migration.
        NoWayBack: one of the steps has no downgrade; nothing is offered then, not even the others.
        UsageError: none, or more than one, of `to`, `only` and `steps`.
    """
    _one_choice(to, only, steps)
    remarks: list[str] = []
    if only is not None:
        chosen = resolve_migration(graph, only)
        leaving = graph.with_dependents([chosen]) & history.applied
        if chosen not in history.applied:
            remarks.append(f"{graph[chosen].name} is not applied")
    elif to is not None:
        staying = resolve_state(graph, to)
        leaving = history.applied - staying
        remarks.extend(_remarks_down(graph, history, to, staying))
    elif steps is not None:
        leaving = history.applied
    else:
        raise UsageError(
            "down needs to know how far",
            unchanged="nothing was run; database and ledger are as they were",
            next_step="say --to VERSION, --only NAME or --steps K\nall the way back is: migrate down --to base",
        )
    order = graph.in_reverse_order(leaving, history.undo_priority)
    if steps is not None:
        order = order[:steps]
    plan = Plan(
        direction=Direction.DOWN,
        steps=tuple(Step(graph[version], Direction.DOWN) for version in order),
        commit=commit,
        target=only or to or f"{steps} back",
        remarks=tuple(remarks),
    )
    _refuse_without_downgrade(plan)
    return plan


def _one_choice(to: str | None, only: str | None, steps: int | None) -> None:
    if sum(choice is not None for choice in (to, only, steps)) > 1:
        raise UsageError(
            "--to, --only and --steps exclude each other",
            unchanged="nothing was run; database and ledger are as they were",
            next_step="say one of them",
        )
    if steps is not None and steps < 1:
        raise UsageError(
            f"--steps {steps} is no number of steps",
            unchanged="nothing was run; database and ledger are as they were",
            next_step="say --steps 1 or more",
        )


def _refuse_without_downgrade(plan: Plan) -> None:
    one_way = [step for step in plan.steps if not step.migration.has_downgrade]
    if one_way:
        names = ", ".join(step.name for step in one_way)
        raise NoWayBack(
            f"{one_way[0].name} has no downgrade",
            where=", ".join(step.migration.path for step in one_way),
            cause=f"there is no way back through code past {names}",
            next_step="go back to a snapshot: migrate snapshot list\n"
            f"or add a downgrade(db) to it, and: migrate accept {one_way[0].name} --reason …",
        )


def _remarks_up(graph: MigrationGraph, history: History, wanted: frozenset[int], order: list[int]) -> list[str]:
    remarks = [
        f"{graph[version].name} depends on the higher number {graph[dependency].name}"
        for version in order
        for dependency in graph.dependencies[version]
        if dependency > version
    ]
    above = history.applied - wanted
    if above and wanted != graph.versions:
        remarks.append("stays applied outside of the target: " + _listed(graph, above))
    return remarks


def _remarks_down(graph: MigrationGraph, history: History, to: str, staying: frozenset[int]) -> list[str]:
    remarks = []
    if to not in (BASE, HEAD):
        version = resolve_migration(graph, to)
        if version not in history.applied:
            remarks.append(f"{graph[version].name} is not applied")
    pending = staying - history.applied
    if pending:
        remarks.append("stays pending: " + _listed(graph, pending))
    above = [v for v in staying & history.applied if to not in (BASE, HEAD) and v > resolve_migration(graph, to)]
    if above:
        remarks.append("stays applied, because a lower one depends on it: " + _listed(graph, above))
    return remarks


def _listed(graph: MigrationGraph, versions: frozenset[int] | list[int]) -> str:
    names = [graph[v].name if v in graph else str(v) for v in sorted(versions)]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
