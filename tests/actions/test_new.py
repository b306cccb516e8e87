"""new: the next file, numbered, named, and depending on what it should."""

import ast
import re
from datetime import UTC, datetime

import pytest

from nukeworks_migrate import MigrateError, Project, down, new, up
from nukeworks_migrate.errors import FilesRefused, UnknownTarget, UsageError


def make(folder, title="add tier", **more):
    return new(folder.project(), title, **more)


def test_the_first_file_makes_the_folder_and_depends_on_nothing(tmp_path):
    written = new(Project("app.sqlite", base=tmp_path), "first table")

    assert (written.path, written.name, written.depends_on) == ("versions/0001_first_table.py", "0001_first_table", ())
    assert (tmp_path / "versions" / "0001_first_table.py").read_text(encoding="utf-8") == (
        '"""First table."""\n'
        "\n"
        "\n"
        "def upgrade(db):\n"
        '    db.execute("""\n'
        "        …\n"
        '    """)\n'
        "\n"
        "\n"
        "def downgrade(db):\n"
        '    db.execute("""\n'
        "        …\n"
        '    """)\n'
    )
    assert [path.name for path in tmp_path.iterdir()] == ["versions"]


@pytest.mark.parametrize(
    ("there", "name"),
    [
        pytest.param([], "0001_add_tier", id="an empty folder"),
        pytest.param(["0001_a"], "0002_add_tier", id="four digits"),
        pytest.param(["0001_a", "0017_b"], "0018_add_tier", id="a gap is not filled"),
        pytest.param(["001_a"], "002_add_tier", id="three digits"),
        pytest.param(["1_a", "0002_b"], "0003_add_tier", id="the widest counts"),
        pytest.param(["1_a"], "2_add_tier", id="one digit"),
        pytest.param(["9_a"], "10_add_tier", id="over ten"),
        pytest.param(["9999_a"], "10000_add_tier", id="over ten thousand"),
    ],
)
def test_the_number_is_one_more_than_the_highest_in_as_many_digits(folder, there, name):
    for stem in there:
        folder.add(stem)

    assert make(folder).name == name


def test_a_folder_numbered_by_time_goes_on_by_time(folder):
    folder.add("20260101120000_a")

    written = make(folder)

    moment = datetime.strptime(written.name.partition("_")[0], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60


def test_a_time_that_lies_ahead_is_still_gone_beyond(folder):
    folder.add("29991231235959_a")

    assert make(folder).name == "29991231235960_add_tier"


@pytest.mark.parametrize(
    ("title", "name", "sentence"),
    [
        pytest.param("Add client tier", "0001_add_client_tier", "Add client tier.", id="words"),
        pytest.param(
            "add  client\ttier.", "0001_add_client_tier", "Add client tier.", id="white space and a full stop"
        ),
        pytest.param("Höhe in Übersicht", "0001_hohe_in_ubersicht", "Höhe in Übersicht.", id="umlauts"),
        pytest.param("café naïve", "0001_cafe_naive", "Café naïve.", id="accents"),
        pytest.param("tier — 漢字 2", "0001_tier_2", "Tier — 漢字 2.", id="what has no letters is left out"),
        pytest.param("Nº 7: a/b\\c", "0001_no_7_a_b_c", "Nº 7: a/b/c.", id="marks"),
        pytest.param('say "hello"', "0001_say_hello", "Say 'hello'.", id="quotes"),
        pytest.param('ends in quotes"""', "0001_ends_in_quotes", "Ends in quotes'''.", id="three quotes"),
        pytest.param("42", "0001_42", "42.", id="a number"),
        pytest.param("../../etc/passwd", "0001_etc_passwd", "../../etc/passwd.", id="a path"),
        pytest.param("{title} {0}", "0001_title_0", "{title} {0}.", id="braces"),
        pytest.param("x" * 300, "0001_" + "x" * 80, "X" + "x" * 299 + ".", id="a long one"),
    ],
)
def test_the_title_gives_the_name_and_the_docstring(folder, title, name, sentence):
    written = make(folder, title)

    tree = ast.parse(folder.versions.joinpath(f"{written.name}.py").read_text(encoding="utf-8"))
    assert written.name == name
    assert ast.get_docstring(tree) == sentence


@pytest.mark.parametrize("title", ["", "   ", "!!!", "漢字", "\n"])
def test_a_title_without_a_letter_is_refused(folder, title):
    with pytest.raises(UsageError):
        make(folder, title)

    assert list(folder.versions.glob("*.py")) == []


def test_it_depends_on_every_head(folder):
    folder.add("0001_a")
    folder.add("0002_b", depends_on="0001_a")
    folder.add("0003_c", depends_on="0001_a")

    written = make(folder)

    assert written.depends_on == ("0002_b", "0003_c")
    text = folder.versions.joinpath("0004_add_tier.py").read_text(encoding="utf-8")
    assert '"""Add tier."""\n\ndepends_on = ["0002_b", "0003_c"]\n\n\ndef upgrade(db):\n' in text


@pytest.mark.parametrize("after", ["1", "0001_a", "0001_"])
def test_it_depends_on_the_one_that_is_named(folder, after):
    folder.add("0001_a")
    folder.add("0002_b", depends_on="0001_a")

    assert make(folder, after=after).depends_on == ("0001_a",)


def test_one_that_is_not_there_cannot_be_depended_on(folder):
    folder.add("0001_a")

    with pytest.raises(UnknownTarget):
        make(folder, after="0009_z")

    assert [path.name for path in folder.versions.glob("*.py")] == ["0001_a.py"]


def test_with_data_it_begins_with_a_transform(folder):
    text = folder.versions.joinpath(f"{make(folder, data=True).name}.py").read_text(encoding="utf-8")

    assert 'db.transform("table", new_value, reads=["column"], writes=["column"])' in text
    assert [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)] == [
        "upgrade",
        "downgrade",
        "new_value",
        "old_value",
    ]


@pytest.mark.parametrize("data", [False, True])
@pytest.mark.parametrize("there", [[], ["0001_a"]])
def test_what_it_writes_is_what_a_formatter_would_leave(folder, data, there):
    import subprocess
    import sys

    for stem in there:
        folder.add(stem)
    written = folder.versions / f"{make(folder, data=data).name}.py"

    text = written.read_text(encoding="utf-8")

    assert text.endswith("\n") and not text.endswith("\n\n")
    assert re.search(r"[ \t]$", text, flags=re.MULTILINE) is None
    if subprocess.run([sys.executable, "-m", "ruff", "--version"], capture_output=True).returncode == 0:
        done = subprocess.run(
            [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", str(written)],
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout) == (0, "")


def test_an_edited_file_runs_up_and_down(folder):
    first = folder.versions / f"{make(folder, 'make clients').name}.py"
    first.write_text(
        first.read_text(encoding="utf-8")
        .replace("…", "CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT)", 1)
        .replace("…", "DROP TABLE clients"),
        encoding="utf-8",
    )
    second = folder.versions / f"{make(folder, 'shout names', data=True).name}.py"
    second.write_text(
        second.read_text(encoding="utf-8")
        .replace('"table"', '"clients"')
        .replace('"column"', '"name"')
        .replace("column", "name"),
        encoding="utf-8",
    )

    up(folder.project())
    down(folder.project(), to="base")

    assert folder.applied() == []


def test_a_file_that_is_still_as_it_was_written_fails_when_it_runs(folder):
    """The … is no SQL: a migration that nobody wrote cannot be applied by accident."""
    make(folder)

    with pytest.raises(MigrateError):
        up(folder.project())

    assert folder.tables() == set()


def test_two_in_a_row_depend_on_each_other(folder):
    written = [make(folder, title) for title in ("one", "two", "three")]

    assert [one.name for one in written] == ["0001_one", "0002_two", "0003_three"]
    assert [one.depends_on for one in written] == [(), ("0001_one",), ("0002_two",)]


def test_a_file_that_somebody_made_meanwhile_is_never_touched(folder, monkeypatch):
    import nukeworks_migrate.actions.new as action

    looked = action.load_folder

    def somebody_is_faster(*args, **more):
        found = looked(*args, **more)
        folder.versions.joinpath("0001_add_tier.py").write_text("somebody's work\n")
        return found

    monkeypatch.setattr(action, "load_folder", somebody_is_faster)

    with pytest.raises(MigrateError) as refusal:
        make(folder)

    assert "0001_add_tier" in refusal.value.what
    assert folder.versions.joinpath("0001_add_tier.py").read_text() == "somebody's work\n"


def test_in_a_folder_with_problems_nothing_is_written(folder):
    folder.versions.joinpath("foo.py").touch()

    with pytest.raises(FilesRefused):
        make(folder)

    assert [path.name for path in folder.versions.glob("*.py")] == ["foo.py"]


def test_it_needs_no_database(folder, monkeypatch, capsys):
    from nukeworks_migrate.cli.main import run

    monkeypatch.chdir(folder.path)

    assert run(["new", "first table"]) == 0
    assert "versions/0001_first_table.py" in capsys.readouterr().out
