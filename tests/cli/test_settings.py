"""Settings: flag before environment before file, and a word that means nothing is never passed over."""

import os

import pytest
from cli.screens import screen
from support import footprint

from nukeworks_migrate.settings import FACE_SETTINGS, SETTINGS

KEYS = sorted(setting.key for setting in (*SETTINGS, *FACE_SETTINGS))


@pytest.fixture
def one(folder, monkeypatch, migrate):
    """One migration, and nothing set."""
    monkeypatch.delenv("NUKEWORKS_MIGRATE_DATABASE")
    folder.add("0001_first")
    return folder


def pyproject(folder, text, name="pyproject.toml"):
    (folder / name).write_text(f"[tool.nukeworks_migrate]\n{text}\n", encoding="utf-8")


def setup_cfg(folder, text, name="setup.cfg"):
    (folder / name).write_text(f"[nukeworks_migrate]\n{text}\n", encoding="utf-8")


def database_of(answer):
    return answer.object["database"]


def test_where_nothing_names_a_database_that_is_said_with_every_way_to_name_one(one, migrate):
    before = footprint(one.path)

    answer = migrate("status")

    assert answer.exit_code == 2
    assert answer.aside == screen(
        """
        error: no database is named   [bad-setting]
          cause      neither --database, NUKEWORKS_MIGRATE_DATABASE nor a settings file says which
          unchanged  nothing was opened
          next       migrate --database data/app.sqlite …, or in pyproject.toml:
                     [tool.nukeworks_migrate]
                     database = "data/app.sqlite"
        """
    )
    assert footprint(one.path) == before


def test_a_settings_file_without_a_database_is_named(one, migrate):
    pyproject(one.path, "lock_timeout = 3")

    answer = migrate("status", "--json")

    assert str(one.path / "pyproject.toml") in answer.error["cause"]


@pytest.mark.parametrize("write", [pyproject, setup_cfg])
def test_a_flag_is_stronger_than_the_environment_and_that_than_the_file(one, migrate, monkeypatch, write):
    write(one.path, "database = 'file.sqlite'" if write is pyproject else "database = file.sqlite")

    found = [database_of(migrate("status", "--json"))]
    monkeypatch.setenv("NUKEWORKS_MIGRATE_DATABASE", "environment.sqlite")
    found.append(database_of(migrate("status", "--json")))
    found.append(database_of(migrate("status", "--json", "--database", "flag.sqlite")))

    assert found == ["file.sqlite", "environment.sqlite", "flag.sqlite"]


def test_an_empty_variable_says_nothing(one, migrate, monkeypatch):
    pyproject(one.path, "database = 'file.sqlite'")
    monkeypatch.setenv("NUKEWORKS_MIGRATE_DATABASE", "")
    monkeypatch.setenv("NUKEWORKS_MIGRATE_LOCK_TIMEOUT", "")

    assert database_of(migrate("status", "--json")) == "file.sqlite"


def test_the_nearest_file_upwards_that_has_a_section_counts(one, migrate, monkeypatch):
    outer, inner = one.path / "outer", one.path / "outer" / "inner"
    (inner / "deep").mkdir(parents=True)
    (inner / "versions").mkdir()
    pyproject(one.path, "database = 'far.sqlite'")
    setup_cfg(inner, "database = near.sqlite")
    (inner / "pyproject.toml").write_text("[tool.ruff]\nline-length = 100\n")
    (inner / "deep" / "setup.cfg").write_text("[metadata]\nname = something\n")
    monkeypatch.chdir(inner / "deep")

    near = database_of(migrate("status", "--json"))
    monkeypatch.chdir(outer)
    far = database_of(migrate("status", "--json"))

    assert (near, far) == ("near.sqlite", "far.sqlite")


def test_paths_in_a_file_are_relative_to_the_file_and_those_of_flags_and_variables_to_the_current_folder(
    one, migrate, monkeypatch
):
    below = one.path / "below"
    below.mkdir()
    pyproject(one.path, "database = 'app.sqlite'\nversions = 'versions'\nsnapshots = 'snaps'")
    migrate("up", "--yes")
    monkeypatch.chdir(below)

    by_file = migrate("status", "--json").object
    by_flag = migrate("status", "--json", "-d", "../app.sqlite", "--versions", "../versions").object
    elsewhere = migrate("status", "--json", "-d", "other.sqlite").object
    monkeypatch.setenv("NUKEWORKS_MIGRATE_DATABASE", "sqlite:///../app.sqlite")
    by_variable = migrate("status", "--json").object

    assert by_file["version"] == by_flag["version"] == by_variable["version"] == 1
    assert (elsewhere["version"], elsewhere["database_exists"]) == (0, False)
    assert os.path.normpath(one.path / elsewhere["database"]) == str(below / "other.sqlite")


def test_a_snapshot_folder_of_a_flag_is_made_in_the_current_folder(one, migrate, monkeypatch):
    below = one.path / "below"
    below.mkdir()
    pyproject(one.path, "database = 'app.sqlite'")
    migrate("up", "--yes")
    monkeypatch.chdir(below)

    migrate("snapshot", "create", "--snapshots", "here")

    assert len(list((below / "here").glob("*.sqlite"))) == 1


def test_an_absolute_path_is_left_alone(one, migrate, tmp_path):
    pyproject(one.path, f"database = '{tmp_path / 'data.sqlite'}'")

    migrate("up", "--yes")

    assert (tmp_path / "data.sqlite").exists()


def test_config_names_the_file_wherever_it_lies(one, migrate, monkeypatch, tmp_path):
    away = tmp_path / "settings"
    away.mkdir()
    (away / "versions").mkdir()
    pyproject(away, "database = 'named.sqlite'", "migrate.toml")
    setup_cfg(away, "database = ini.sqlite", "migrate.ini")
    pyproject(one.path, "database = 'nearest.sqlite'")

    toml = database_of(migrate("status", "--json", "--config", str(away / "migrate.toml")))
    ini = database_of(migrate("status", "--json", "--config", str(away / "migrate.ini")))
    monkeypatch.setenv("NUKEWORKS_MIGRATE_CONFIG", str(away / "migrate.toml"))
    variable = database_of(migrate("status", "--json"))

    assert (toml, ini, variable) == ("named.sqlite", "ini.sqlite", "named.sqlite")


@pytest.mark.parametrize(
    ("write", "what"),
    [
        pytest.param(None, "there is no file {}", id="missing"),
        pytest.param("[tool.ruff]\n", "{} has no section for this tool", id="without a section"),
    ],
)
def test_a_config_that_is_of_no_use_is_an_error(one, migrate, write, what):
    path = one.path / "wanted.toml"
    if write is not None:
        path.write_text(write)

    answer = migrate("status", "--config", "wanted.toml", "--json")

    assert answer.exit_code == 2
    assert answer.error["code"] == "bad-setting"
    assert answer.error["what"] == what.format(path)


def test_two_files_with_a_section_are_an_error_that_names_both(one, migrate):
    pyproject(one.path, "database = 'app.sqlite'")
    setup_cfg(one.path, "database = app.sqlite")

    answer = migrate("status")

    assert answer.exit_code == 2
    assert answer.err == screen(
        f"""
        error: {one.path} has settings in pyproject.toml and in setup.cfg   [bad-setting]
          unchanged  nothing was opened
          next       keep one of the two sections
        """
    )


def test_an_unknown_setting_in_a_flag_is_an_error_with_a_suggestion(one, migrate):
    answer = migrate("--databse", "app.sqlite", "status", "--json")

    assert answer.exit_code == 2
    assert answer.error["code"] == "usage"
    assert "--databse" in answer.error["what"]
    assert "--database" in answer.error["what"]


def test_an_unknown_setting_in_the_environment_is_an_error_with_a_suggestion(one, migrate, monkeypatch):
    monkeypatch.setenv("NUKEWORKS_MIGRATE_DATABSE", "app.sqlite")

    answer = migrate("status", "--json")

    assert answer.exit_code == 2
    assert answer.error["code"] == "bad-setting"
    assert answer.error["what"] == "unknown setting 'databse' (the variable NUKEWORKS_MIGRATE_DATABSE)"
    assert answer.error["next"] == "did you mean database?"


@pytest.mark.parametrize(("write", "name"), [(pyproject, "pyproject.toml"), (setup_cfg, "setup.cfg")])
def test_an_unknown_setting_in_a_file_is_an_error_with_a_suggestion(one, migrate, write, name):
    write(one.path, "databse = 'app.sqlite'")

    answer = migrate("status", "--json")

    assert answer.exit_code == 2
    assert answer.error["what"] == f"unknown setting 'databse' in {one.path / name}"
    assert answer.error["next"] == "did you mean database?"
    assert answer.error["cause"] == f"known are: {', '.join(KEYS)}"


WRONG = [
    pytest.param("lock_timeout", '"soon"', "a number", id="words for seconds"),
    pytest.param("lock_timeout", "true", "a number", id="true for seconds"),
    pytest.param("snapshot_keep", '"many"', "a whole number", id="words for a count"),
    pytest.param("snapshot_keep", "1.5", "a whole number", id="a fraction for a count"),
    pytest.param("snapshot_keep", "true", "a whole number", id="true for a count"),
    pytest.param("verbose", '"very"', "a whole number", id="words for a level"),
    pytest.param("header_index", '"maybe"', "true or false", id="perhaps"),
    pytest.param("yes", '"please"', "true or false", id="please"),
    pytest.param("versions", '["one", "two"]', "a text", id="a list for a path"),
    pytest.param("snapshots", "5", "a text", id="a number for a path"),
]


@pytest.mark.parametrize(("key", "value", "expected"), WRONG)
def test_a_value_of_the_wrong_kind_in_pyproject_is_an_error(one, migrate, key, value, expected):
    pyproject(one.path, f"database = 'app.sqlite'\n{key} = {value}")

    answer = migrate("check", "--json")

    assert answer.exit_code == 2
    assert answer.error["code"] == "bad-setting"
    assert answer.error["what"].startswith(f"{key} in {one.path / 'pyproject.toml'} is ")
    assert answer.error["cause"] == f"expected: {expected}"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        pytest.param("lock_timeout", "soon", "a number", id="words for seconds"),
        pytest.param("snapshot_keep", "1.5", "a whole number", id="a fraction for a count"),
        pytest.param("json", "perhaps", "true or false", id="perhaps"),
        pytest.param("verbose", "very", "a whole number", id="words for a level"),
    ],
)
@pytest.mark.parametrize("place", ["setup.cfg", "environment"])
def test_a_value_of_the_wrong_kind_in_text_is_an_error(one, migrate, monkeypatch, key, value, expected, place):
    if place == "setup.cfg":
        setup_cfg(one.path, f"database = app.sqlite\n{key} = {value}")
    else:
        monkeypatch.setenv(f"NUKEWORKS_MIGRATE_{key.upper()}", value)

    answer = migrate("-d", "app.sqlite", "check")

    assert answer.exit_code == 2
    assert answer.out == ""
    assert f" is '{value}'   [bad-setting]\n  cause      expected: {expected}\n" in answer.err


OUT_OF_RANGE = [
    pytest.param("out_of_order", "perhaps", id="out_of_order"),
    pytest.param("snapshot", "sometimes", id="snapshot"),
    pytest.param("lock_timeout", "-1", id="less than no seconds"),
    pytest.param("lock_timeout", "nan", id="seconds that are no number"),
    pytest.param("lock_timeout", "inf", id="seconds without end"),
    pytest.param("snapshot_keep", "0", id="no snapshots kept"),
    pytest.param("snapshot_keep_days", "-1", id="snapshots of tomorrow"),
    pytest.param("snapshot_keep_days", "1e12", id="more days than a calendar has"),
    pytest.param("snapshot_keep_days", "nan", id="days that are no number"),
    pytest.param("snapshot_keep_bytes", "-1", id="less than no bytes"),
    pytest.param("snapshot_max_bytes", "-1", id="less than no bytes at most"),
]


@pytest.mark.parametrize(("key", "value"), OUT_OF_RANGE)
def test_a_value_that_means_nothing_is_an_error(one, migrate, key, value):
    setup_cfg(one.path, f"database = app.sqlite\n{key} = {value}")
    before = footprint(one.path)

    answer = migrate("up", "--yes", "--json")

    assert answer.exit_code == 2
    assert answer.error["code"] == "bad-setting"
    assert key in answer.error["what"]
    assert answer.error["cause"].startswith("expected: ")
    assert footprint(one.path) == before


@pytest.mark.parametrize("words", ["--keep 0", "--keep -1", "--days -1", "--days nan", "--days 1e12", "--bytes -1"])
def test_numbers_that_mean_nothing_prune_nothing(one, migrate, words):
    for _ in range(2):
        migrate("-d", "app.sqlite", "up", "--yes")
        migrate("-d", "app.sqlite", "down", "--to", "base", "--yes")
    before = footprint(one.path)

    answer = migrate("-d", "app.sqlite", "snapshot", "prune", *words.split(), "--json")

    assert answer.exit_code in (2, 3)
    assert footprint(one.path) == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("pyproject.toml", b"[tool.nukeworks_migrate\n", id="TOML that is none"),
        pytest.param("pyproject.toml", b"\xff[tool.nukeworks_migrate]\n", id="TOML that is not UTF-8"),
        pytest.param("pyproject.toml", b"[tool.nukeworks_migrate]\nyes = 1\nyes = 2\n", id="a key twice"),
        pytest.param("pyproject.toml", b"[tool]\nnukeworks_migrate = 3\n", id="a number for a section"),
        pytest.param("setup.cfg", b"[nukeworks_migrate\ndatabase = x\n", id="INI that is none"),
        pytest.param("setup.cfg", b"[nukeworks_migrate]\n[nukeworks_migrate]\n", id="a section twice"),
    ],
)
def test_a_settings_file_that_cannot_be_read_is_an_error_that_names_it(one, migrate, name, content):
    (one.path / name).write_bytes(content)

    answer = migrate("-d", "app.sqlite", "status", "--json")

    assert answer.exit_code == 2
    assert answer.error["code"] == "bad-setting"
    assert name in answer.error["what"]


def test_a_settings_file_without_leave_to_read_it_is_not_passed_over(one, powerless):
    """The next one upwards could name another database."""
    pyproject(one.path, "database = 'other.sqlite'")
    (one.path / "pyproject.toml").chmod(0)

    answer = powerless("status", "--json")

    assert answer.exit_code == 2
    assert answer.error["code"] == "bad-setting"


def test_an_empty_database_in_a_file_is_no_database(one, migrate):
    setup_cfg(one.path, "database =")

    answer = migrate("status", "--json")

    assert answer.exit_code == 2


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("database = 'app.sqlite'\nlock-timeout = 3", id="a hyphen in a key"),
        pytest.param("database = 'app.sqlite'\nlock_timeout = 3\nsnapshot_keep_days = 1.5", id="numbers"),
        pytest.param("database = 'app.sqlite'\nheader_index = false\nyes = true", id="truths"),
        pytest.param("database = 'sqlite:///app.sqlite'", id="a URL"),
    ],
)
def test_settings_that_are_well_written_are_taken(one, migrate, text):
    pyproject(one.path, text)

    assert migrate("check").exit_code == 7


def test_a_percent_sign_in_setup_cfg_is_a_percent_sign(one, migrate):
    setup_cfg(one.path, "database = 100%.sqlite")

    migrate("up", "--yes")

    assert (one.path / "100%.sqlite").exists()


@pytest.mark.parametrize("text", ["yes = true", "yes = 'on'"])
def test_a_yes_in_the_settings_is_a_yes(one, migrate, text):
    pyproject(one.path, f"database = 'app.sqlite'\n{text}")

    assert migrate("up").exit_code == 0


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        pytest.param(["-d", "app.sqlite", "--json"], [], id="before"),
        pytest.param([], ["-d", "app.sqlite", "--json"], id="behind"),
        pytest.param(["--json"], ["--database", "app.sqlite"], id="on both sides"),
        pytest.param(["-d", "wrong.sqlite", "--json"], ["-d", "app.sqlite"], id="what stands behind is stronger"),
    ],
)
def test_options_stand_before_or_behind_the_name_of_the_command(one, migrate, before, behind):
    answer = migrate(*before, "status", *behind)

    assert database_of(answer) == "app.sqlite"


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("--json snapshot list -d app.sqlite", id="before both"),
        pytest.param("snapshot list --json -d app.sqlite", id="behind both"),
    ],
)
def test_options_stand_before_or_behind_a_command_of_two_words(one, migrate, words):
    answer = migrate(*words.split())

    assert answer.object["command"] == "snapshot list"


@pytest.mark.parametrize("value", ["1", "true", "yes", "on", "TRUE"])
@pytest.mark.parametrize("words", ["up --to 9", "nonsense"])
def test_json_by_the_environment_holds_for_errors_too(one, migrate, monkeypatch, value, words):
    monkeypatch.setenv("NUKEWORKS_MIGRATE_DATABASE", "app.sqlite")
    monkeypatch.setenv("NUKEWORKS_MIGRATE_JSON", value)

    answer = migrate(*words.split())

    assert answer.error["exit_code"] == 2


def test_quiet_leaves_the_result_and_takes_the_steps_away(one, migrate):
    answer = migrate("-d", "app.sqlite", "up", "--yes", "-q")

    assert answer.screen == screen(
        """
        committed  1 migration applied, version 0 → 1, 0.04 s

        See where it stands: migrate status
        """
    )
    assert answer.err == ""


def test_a_quiet_check_says_everything_by_its_exit_code(one, migrate):
    answer = migrate("-d", "app.sqlite", "check", "--quiet")

    assert (answer.exit_code, answer.out, answer.err) == (7, "", "")


def test_quiet_takes_no_error_away(one, migrate):
    answer = migrate("-d", "app.sqlite", "up", "--yes", "-q", "--to", "9")

    assert answer.err.startswith("error: no migration has version 9   [unknown-target]\n")


def test_verbose_shows_the_statements_with_their_rows_and_times(one, migrate):
    one.add_table("0002_clients", "clients")

    answer = migrate("-d", "app.sqlite", "up", "--yes", "-v")

    assert answer.aside.splitlines() == [
        "database  app.sqlite, a new file",
        "     CREATE TABLE clients (id INTEGER PRIMARY KEY, name TEXT)   0 rows   0.004 s",
        "     INSERT INTO clients (name) VALUES ('clients')   1 row   0.004 s",
        "     committed: 0001_first, 0002_clients",
    ]


@pytest.mark.parametrize(("words", "shown"), [([], False), (["-v"], False), (["-vv"], True), (["-v", "-v"], True)])
def test_only_vv_shows_the_chain_of_tracebacks(one, migrate, words, shown):
    one.add("0002_wrong", "raise RuntimeError('half way')")

    answer = migrate("-d", "app.sqlite", "up", "--yes", *words)

    assert answer.exit_code == 4
    assert ("Traceback (most recent call last):" in answer.err) == shown
    assert ("The above exception was the direct cause" in answer.err) == shown
    assert "error: 0002_wrong failed   [step-failed]" in answer.err


def test_vv_by_the_environment_shows_it_too(one, migrate, monkeypatch):
    monkeypatch.setenv("NUKEWORKS_MIGRATE_VERBOSE", "2")
    one.add("0002_wrong", "raise RuntimeError('half way')")

    answer = migrate("-d", "app.sqlite", "up", "--yes")

    assert "Traceback (most recent call last):" in answer.err


@pytest.mark.parametrize(
    ("name", "found"),
    [
        pytest.param("sqlite:///app.sqlite", "app.sqlite", id="a URL"),
        pytest.param("sqlite:///./app.sqlite", "app.sqlite", id="a URL with a dot"),
        pytest.param("SQLITE:///app.sqlite", "app.sqlite", id="a URL in capitals"),
        pytest.param("sqlite:///a%20b.db", "a b.db", id="a URL with an encoded space"),
        pytest.param("sqlite:///a b.db", "a b.db", id="a URL with a space"),
        pytest.param("sqlite:///50%25.db", "50%.db", id="a URL with an encoded percent sign"),
        pytest.param("sqlite:///what%3F.db", "what?.db", id="a URL with an encoded question mark"),
        pytest.param("sqlite:///a%23b.db", "a#b.db", id="a URL with an encoded hash"),
        pytest.param("sqlite:///a#b.db", "a#b.db", id="a URL with a hash"),
        pytest.param("sqlite:///gr%C3%BC%C3%9Fe.db", "grüße.db", id="a URL with encoded Unicode"),
        pytest.param("sqlite:///grüße.db", "grüße.db", id="a URL with Unicode"),
        pytest.param("a b.db", "a b.db", id="a space"),
        pytest.param("a%20b.db", "a%20b.db", id="an encoded space in a path is none"),
        pytest.param("what?.db", "what?.db", id="a question mark"),
        pytest.param("a?mode=ro", "a?mode=ro", id="what looks like an option"),
        pytest.param("a#b.db", "a#b.db", id="a hash"),
        pytest.param("100%.db", "100%.db", id="a percent sign"),
        pytest.param("ключ 数据.db", "ключ 数据.db", id="Unicode"),
        pytest.param("-d.db", "-d.db", id="a hyphen at the front"),
        pytest.param('it\'s "quoted".db', 'it\'s "quoted".db', id="quotes"),
        pytest.param("file:app.db", "file:app.db", id="what looks like a URI of SQLite's"),
        pytest.param("x.db-journal", "x.db-journal", id="what looks like a journal"),
    ],
)
def test_a_name_opens_exactly_the_file_that_it_means(one, migrate, name, found):
    answer = migrate("--database", name, "up", "--yes")

    assert answer.exit_code == 0
    there = {path.name for path in one.path.iterdir()} - {"versions"}
    assert there == {found, f"{found}-migrate-lock"}


def test_an_absolute_url_opens_the_file_of_that_path(one, migrate, tmp_path):
    migrate("--database", f"sqlite:///{tmp_path}/abs.db", "up", "--yes")

    assert (tmp_path / "abs.db").exists()


def test_a_url_that_could_mean_two_files_is_refused(one, migrate):
    (one.path / "a b.db").touch()
    (one.path / "a%20b.db").touch()

    answer = migrate("--database", "sqlite:///a%20b.db", "status", "--json")

    assert answer.exit_code == 2
    assert answer.error["what"] == "sqlite:///a%20b.db could mean two files that both exist"


def test_a_url_whose_undecoded_name_is_there_means_that_file(one, migrate, monkeypatch):
    """Also where the settings file, and so the folder that paths are relative to, lies elsewhere."""
    (one.path / "a%20b.db").touch()
    pyproject(one.path, "database = 'sqlite:///a%20b.db'")
    (one.path / "below").mkdir()
    monkeypatch.chdir(one.path / "below")

    migrate("up", "--yes")

    assert (one.path / "a%20b.db").stat().st_size > 0
    assert not (one.path / "a b.db").exists()


def test_a_new_database_is_announced(one, migrate):
    status, plan = migrate("-d", "new.sqlite", "status"), migrate("-d", "new.sqlite", "plan")

    assert "new.sqlite   (not there yet)\n" in status.out
    assert "The database is a new file: new.sqlite. Nothing has been changed.\n" in plan.out


def test_a_new_database_is_announced_by_the_run_that_makes_it(one, migrate):
    """With --yes nobody sees the plan: a typo in the name would make an empty database unnoticed."""
    answer = migrate("-d", "new.sqlite", "up", "--yes")

    assert "new.sqlite" in answer.out + answer.err
    assert "new file" in answer.out + answer.err
