"""What a plan tells of calls that make their SQL themselves: findings, where they are told, what they leave out."""

import pytest

from nukeworks_migrate import lint, plan, up


@pytest.fixture
def one(folder):
    folder.add_table("0001_clients", "clients")
    up(folder.project())
    return folder


def add(folder, body):
    folder.write("0002_next.py", f"def upgrade(db):\n    {body}\n\n\ndef downgrade(db):\n    pass\n")


def told(folder):
    return [f"{f.code} {f.line} {f.message}" for f in plan(folder.project()).preview.findings]


def test_a_dropped_column_is_told_at_the_with_and_can_be_silenced_there(one):
    body = 'with db.alter_table("clients") as clients:{}\n        clients.drop_column("name")'
    add(one, body.format(""))
    assert told(one) == ["NWM102 2 column name of clients is dropped with its values"]

    add(one, body.format("  # noqa: NWM102"))
    assert told(one) == []


def test_the_question_before_a_run_tells_the_same(one):
    add(one, 'with db.alter_table("clients") as clients:\n        clients.drop_column("name")')
    asked = []

    up(one.project(), confirm=lambda proposal: asked.extend(finding.code for finding in proposal.findings))

    assert asked == ["NWM102"]


def test_lint_tells_it_once(one):
    add(one, 'with db.alter_table("clients") as clients:\n        clients.drop_column("name")')

    found = [f"{f.code} {f.line}" for f in lint(one.project()).findings if f.code == "NWM102"]

    assert found == ["NWM102 2"]


def test_a_table_that_a_block_gives_its_name_back_was_rebuilt(one):
    add(
        one,
        'db.execute("CREATE TABLE clients_new (id INTEGER PRIMARY KEY, name TEXT)")\n'
        '    db.execute("INSERT INTO clients_new SELECT * FROM clients")\n'
        '    db.execute("DROP TABLE clients")\n'
        '    with db.alter_table("clients_new") as table:\n'
        '        table.rename_to("clients")',
    )

    assert told(one) == []


def test_what_is_set_to_the_time_is_told_by_lint(one):
    add(one, 'db.update("clients", set={"name": "CURRENT_TIMESTAMP"}, where="id = 1")')

    found = [f"{f.code} {f.line} {f.message}" for f in lint(one.project(), static=True).findings]

    assert found == ["NWM203 2 CURRENT_TIMESTAMP has another value in every run"]


@pytest.mark.parametrize(
    "call",
    [
        'db.update("clients", set={"name": f"upper({db.engine})"}, where="id = 1")',
        'db.update("clients", set={"name": "1"}, where=f"id = {db.engine}")',
        'db.copy_rows("clients", "others", f, where="id = " + db.engine)',
        'db.transform("clients", f, reads=["name"], writes=["name"], where=f"id = {db.engine}")',
    ],
)
def test_data_in_their_sql_is_told_by_lint(one, call):
    add(one, call)

    found = [f"{f.code} {f.line}" for f in lint(one.project(), static=True).findings]

    assert found == ["NWM201 2"]


def test_values_that_are_no_sql_are_no_data_in_sql(one):
    add(one, 'db.update("clients", set={"name": db.engine}, where="id = :id", params={"id": db.engine})')

    assert lint(one.project(), static=True).findings == ()
