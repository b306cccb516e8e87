"""The planner against what design and common sense say of every graph, history and target."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model.drawings import graph_of, graphs_with_history, history_of, letters

from nukeworks_migrate.errors import NoWayBack, OutOfOrder, UnknownTarget, UsageError
from nukeworks_migrate.model.graph import MigrationGraph
from nukeworks_migrate.model.history import Entry, History
from nukeworks_migrate.model.migration import Migration, TransactionMode
from nukeworks_migrate.model.plan import CommitMode
from nukeworks_migrate.model.planner import plan_down, plan_up

#  a --> b --> d     e
#   `--> c --'
DIAMOND = graph_of(a="", b="a", c="a", d="b c", e="")
#  b depends on d, which has a higher number
UPHILL = graph_of(a="", b="a d", c="a", d="a")


@pytest.mark.parametrize(
    ("graph", "applied", "words", "expected"),
    [
        pytest.param(DIAMOND, "", {}, "a b c d e", id="an empty database gets everything"),
        pytest.param(DIAMOND, "", {"to": "3"}, "a b c", id="a target brings every lower version"),
        pytest.param(DIAMOND, "", {"to": "0003"}, "a b c", id="leading zeros do not matter"),
        pytest.param(DIAMOND, "", {"to": "0003_c"}, "a b c", id="a name"),
        pytest.param(DIAMOND, "", {"to": "0003_"}, "a b c", id="a beginning of one name"),
        pytest.param(DIAMOND, "a b", {"to": "4"}, "c d", id="what is applied is left out"),
        pytest.param(DIAMOND, "a b c d e", {}, "", id="nothing is left"),
        pytest.param(DIAMOND, "", {"to": "base"}, "", id="the empty database is there already"),
        pytest.param(DIAMOND, "", {"only": "0004_d"}, "a b c d", id="only one brings what it depends on"),
        pytest.param(DIAMOND, "a", {"only": "5"}, "e", id="only one leaves what it does not need"),
        pytest.param(DIAMOND, "a", {"steps": 2}, "b c", id="the next two"),
        pytest.param(DIAMOND, "a", {"steps": 99}, "b c d e", id="more steps than there are"),
        pytest.param(UPHILL, "", {}, "a c d b", id="never before what it depends on"),
        pytest.param(UPHILL, "", {"to": "2"}, "a d b", id="a target brings a higher number it depends on"),
        pytest.param(UPHILL, "a d", {}, "b c", id="by number among what is free, once the higher one is there"),
    ],
)
def test_up_plans(graph, applied, words, expected):
    plan = plan_up(graph, history_of(graph, applied), **words)

    assert letters(plan) == expected


@pytest.mark.parametrize(
    ("graph", "applied", "words", "expected"),
    [
        pytest.param(DIAMOND, "a b c d e", {"to": "base"}, "e d c b a", id="everything, last first"),
        pytest.param(DIAMOND, "a b c d e", {"to": "2"}, "e d c", id="the target itself stays"),
        pytest.param(DIAMOND, "e a c b d", {"to": "base"}, "d b c a e", id="latest applied first"),
        pytest.param(DIAMOND, "a b c d e", {"only": "0002_b"}, "d b", id="only one takes what depends on it"),
        pytest.param(DIAMOND, "a b", {"only": "0002_b"}, "b", id="what is not applied is not taken"),
        pytest.param(DIAMOND, "a b c d e", {"steps": 2}, "e d", id="the last two"),
        pytest.param(DIAMOND, "e a", {"steps": 1}, "a", id="the last one is the one applied last"),
        pytest.param(DIAMOND, "", {"to": "base"}, "", id="nothing is applied"),
        pytest.param(DIAMOND, "a b c d e", {"to": "head"}, "", id="head keeps everything"),
        pytest.param(UPHILL, "a c d b", {"to": "2"}, "c", id="a higher number stays where a lower one needs it"),
    ],
)
def test_down_plans(graph, applied, words, expected):
    plan = plan_down(graph, history_of(graph, applied), **words)

    assert letters(plan) == expected


def test_rows_of_the_old_system_go_last_and_by_number():
    graph = graph_of(a="", b="", c="", d="")
    history = History((Entry(1), Entry(2), Entry(3, position=2), Entry(4, position=1)))

    assert letters(plan_down(graph, history, to="base")) == "c d b a"


@given(case=graphs_with_history(), data=st.data())
def test_up_to_a_version_leaves_nothing_of_that_state_pending_and_touches_nothing_else(case, data):
    graph, history = case
    target = data.draw(st.sampled_from(sorted(graph.versions)))

    plan = plan_up(graph, history, to=str(target))

    ran = [step.version for step in plan.steps]
    below = {v for v in graph.versions if v <= target}
    assert set(ran) == model_closure(graph, below) - history.applied
    assert is_possible(graph, ran, history.applied)
    assert by_number_where_free(graph, ran, history.applied)


@given(case=graphs_with_history(), data=st.data())
def test_down_to_a_version_leaves_nothing_applied_outside_of_that_state(case, data):
    graph, history = case
    target = data.draw(st.sampled_from(sorted(graph.versions)))

    plan = plan_down(graph, history, to=str(target))

    gone = [step.version for step in plan.steps]
    below = {v for v in graph.versions if v <= target}
    assert set(gone) == history.applied - model_closure(graph, below)
    left = set(history.applied)
    for version in gone:
        left.remove(version)
        assert not any(version in graph.dependencies[other] for other in left)
    assert model_closure(graph, left) == left


@given(case=graphs_with_history(), data=st.data())
def test_down_then_up_to_a_version_is_exactly_the_state_at_that_version(case, data):
    graph, history = case
    target = str(data.draw(st.sampled_from(sorted(graph.versions))))

    history = history.without([step.version for step in plan_down(graph, history, to=target).steps])
    history = history.with_applied([step.version for step in plan_up(graph, history, to=target).steps])

    assert history.applied == graph.state_at(int(target))


@given(case=graphs_with_history())
def test_what_was_applied_in_one_order_is_taken_back_in_the_reverse_of_it(case):
    graph, history = case
    if any(entry.position is None for entry in history.entries):
        return

    plan = plan_down(graph, history, to="base")

    positions = [history.by_version[step.version].position for step in plan.steps]
    assert positions == sorted(positions, reverse=True)


@given(case=graphs_with_history(), data=st.data())
def test_only_one_goes_up_with_all_it_needs_and_down_with_all_that_needs_it(case, data):
    graph, history = case
    chosen = data.draw(st.sampled_from(sorted(graph.versions)))

    rising = {step.version for step in plan_up(graph, history, only=graph[chosen].name).steps}
    falling = {step.version for step in plan_down(graph, history, only=graph[chosen].name).steps}

    assert rising == model_closure(graph, {chosen}) - history.applied
    assert falling == {v for v in history.applied if chosen in model_closure(graph, {v})}


@given(case=graphs_with_history(), steps=st.integers(1, 15))
def test_so_many_steps_are_the_beginning_of_the_whole_way(case, steps):
    graph, history = case

    assert plan_up(graph, history, steps=steps).steps == plan_up(graph, history).steps[:steps]
    assert plan_down(graph, history, steps=steps).steps == plan_down(graph, history, to="base").steps[:steps]


@given(case=graphs_with_history())
def test_the_same_inputs_give_the_same_plan(case):
    graph, history = case
    shuffled = MigrationGraph(reversed(list(graph.migrations.values())))

    assert plan_up(graph, history) == plan_up(shuffled, history)
    assert plan_down(graph, history, to="base") == plan_down(shuffled, history, to="base")


def model_closure(graph, versions):
    """Dependencies, found the slow way."""
    closed = set(versions)
    while True:
        more = {d for v in closed for d in graph.dependencies[v]} - closed
        if not more:
            return closed
        closed |= more


def is_possible(graph, order, applied):
    done = set(applied)
    for version in order:
        if not set(graph.dependencies[version]) <= done:
            return False
        done.add(version)
    return True


def by_number_where_free(graph, order, applied):
    done, rest = set(applied), set(order)
    for version in order:
        free = [v for v in rest if set(graph.dependencies[v]) <= done]
        if version != min(free):
            return False
        rest.remove(version)
        done.add(version)
    return True


@pytest.mark.parametrize("words", [{"to": "7"}, {"to": "0003_x"}, {"to": "000"}, {"only": "nobody"}, {"to": ""}])
def test_an_unknown_target_is_refused_and_says_what_there_is(words):
    with pytest.raises(UnknownTarget) as error:
        plan_up(DIAMOND, History(), **words)

    assert error.value.next_step == "see what there is: migrate status --all"


def test_a_number_is_a_version_and_never_the_beginning_of_a_name():
    graph = MigrationGraph([Migration(20, "20_x"), Migration(3, "3_y")])

    with pytest.raises(UnknownTarget, match="no migration has version 2"):
        plan_up(graph, History(), to="2")


def test_a_bare_down_is_refused():
    with pytest.raises(UsageError, match="down needs to know how far"):
        plan_down(DIAMOND, History())


@pytest.mark.parametrize("words", [{"to": "1", "only": "2"}, {"to": "1", "steps": 1}, {"steps": 0}, {"steps": -1}])
def test_words_that_exclude_each_other_or_mean_nothing_are_refused(words):
    with pytest.raises(UsageError):
        plan_up(DIAMOND, History(), **words)
    with pytest.raises(UsageError):
        plan_down(DIAMOND, History(), **words)


def test_a_way_down_past_a_migration_without_downgrade_is_not_offered_at_all():
    graph = MigrationGraph([Migration(1, "1_a"), Migration(2, "2_b", has_downgrade=False), Migration(3, "3_c")])
    history = History().with_applied([1, 2, 3])

    with pytest.raises(NoWayBack, match="2_b has no downgrade"):
        plan_down(graph, history, to="base")
    assert [step.name for step in plan_down(graph, history, to="2").steps] == ["3_c"]


def test_a_lower_number_after_a_higher_one_is_applied_and_said_to_be_out_of_order():
    plan = plan_up(DIAMOND, history_of(DIAMOND, "a e"))

    assert [(step.name, step.out_of_order) for step in plan.steps] == [
        ("0002_b", True),
        ("0003_c", True),
        ("0004_d", True),
    ]


def test_a_lower_number_after_a_higher_one_can_be_refused_by_setting():
    with pytest.raises(OutOfOrder, match="0002_b comes after version 5 was applied"):
        plan_up(DIAMOND, history_of(DIAMOND, "a e"), refuse_out_of_order=True)
    with pytest.raises(OutOfOrder):
        plan_up(DIAMOND, history_of(DIAMOND, "a e"), only="0002_b", refuse_out_of_order=True)


def test_a_dependency_on_a_higher_number_works_and_is_told():
    assert plan_up(UPHILL, History()).remarks == ("0002_b depends on the higher number 0004_d",)


def test_down_to_a_version_that_is_not_applied_says_so_and_lists_what_stays():
    plan = plan_down(DIAMOND, history_of(DIAMOND, "a e"), to="3")

    assert letters(plan) == "e"
    assert plan.remarks == ("0003_c is not applied", "stays pending: 0002_b, 0003_c")


def test_commit_points_stand_around_a_migration_without_transaction():
    migrations = [
        Migration(n, f"{n}_m", transaction=TransactionMode.NONE if n == 3 else TransactionMode.SINGLE)
        for n in range(1, 6)
    ]
    graph = MigrationGraph(migrations)

    by_run = [[s.version for s in group] for group in plan_up(graph, History()).groups()]
    by_step = [[s.version for s in group] for group in plan_up(graph, History(), commit=CommitMode.EACH).groups()]

    assert by_run == [[1, 2], [3], [4, 5]]
    assert by_step == [[1], [2], [3], [4], [5]]


def chain(length):
    return [Migration(n, f"{n}_m", depends_on=(f"{n - 1}_m",) if n > 1 else ()) for n in range(1, length + 1)]


def wide(length):
    """Branches of ten, merged again by every tenth migration."""
    migrations = []
    for n in range(1, length + 1):
        merges = n % 10 == 0
        before = range(n - 9, n) if merges else ([(n - 1) // 10 * 10] if n > 10 else [])
        migrations.append(Migration(n, f"{n}_m", depends_on=tuple(f"{other}_m" for other in before)))
    return migrations


@pytest.mark.parametrize("shape", [chain, wide])
def test_ten_thousand_migrations_are_planned_without_recursion(shape):
    graph = MigrationGraph(shape(10_000))
    history = History().with_applied(list(range(1, 10_001)))
    started = time.perf_counter()

    rising = plan_up(graph, History())
    falling = plan_down(graph, history, to="base")

    assert [step.version for step in rising.steps] == list(range(1, 10_001))
    assert len(falling.steps) == 10_000
    assert time.perf_counter() - started < 5  # a quadratic one takes minutes; the figure is the benchmark's


settings.register_profile("default", deadline=None)
settings.load_profile("default")
