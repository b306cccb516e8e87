"""`flask migrations …`: every command of `migrate`, for the application's database, and named as it has to be typed."""

import ast
import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from cli.screens import normalised, screen
from cli.terminal import Terminal
from support import footprint
from web.flask_side import FLASK, PROGRAM, app_for, app_of, call, flask_environment, run_flask, write_app

import nukeworks_migrate
from nukeworks_migrate import Project
from nukeworks_migrate.cli.host import Host
from nukeworks_migrate.cli.main import commands, run
from nukeworks_migrate.cli.text import called, called_as
from nukeworks_migrate.errors import BadSetting
from nukeworks_migrate.settings import settings_within

NAMES = commands.list_commands(click.Context(commands))
# A command of the program by its own name, and not behind `flask`.
BARE = re.compile(rf"(?<!flask migrations )(?<!\w)migrate (?={'|'.join(NAMES)})")
SECRET = "a secret that nobody sees"


@pytest.fixture
def three(folder, monkeypatch):
    """Two migrations, applied, and one that is pending; what `migrate` would read here names other databases."""
    folder.add_table("0001_clients", "clients")
    folder.add_table("0002_contacts", "contacts")
    folder.path.joinpath("pyproject.toml").write_text('[tool.nukeworks_migrate]\ndatabase = "of_the_file.sqlite"\n')
    monkeypatch.chdir(folder.path)
    monkeypatch.setenv("NUKEWORKS_MIGRATE_DATABASE", "of_the_environment.sqlite")
    monkeypatch.setenv("NUKEWORKS_MIGRATE_SNAPSHOTS", "elsewhere")
    monkeypatch.setenv("NUKEWORKS_MIGRATE_ODD", "not a setting")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LOGNAME", "ann")
    assert migrations(folder, "up", "--yes").exit_code == 0
    folder.add_table("0003_tiers", "tiers")
    yield folder
    assert not {"of_the_file.sqlite", "of_the_environment.sqlite", "elsewhere"} & {
        path.name for path in folder.path.iterdir()
    }


def migrations(folder, *words, **settings):
    return call(app_for(folder, **settings), "migrations", *words)


@pytest.fixture
def at_terminal(folder):
    pytest.importorskip("pty", reason="there are no pseudo-terminals on this platform")
    return Terminal(folder, [*PROGRAM, "migrations"])


# --- what is said to be typed

CALLS = {
    "status": (0, "1 pending. See what they would do: flask migrations plan\n"),
    "plan": (0, "Run it: flask migrations up\n"),
    "plan --down --to 1": (0, "Run it: flask migrations down --to 1\n"),
    "plan --rehearse": (0, "Run it: flask migrations up\n"),
    "plan -o plan.json": (0, "Run it: flask migrations up --plan plan.json\n"),
    "up --dry-run --snapshot never": (0, "Run it: flask migrations up --snapshot never\n"),
    "up --yes": (0, "See where it stands:  flask migrations status\n"),
    "up": (3, "say it beforehand: --yes"),
    "up --to 9": (2, "see what there is: flask migrations status --all\n"),
    "up --plan no.json": (2, "make one: flask migrations plan -o plan.json\n"),
    "down --steps 1 --yes": (0, "Back to where it was: flask migrations restore "),
    "down": (2, "all the way back is: flask migrations down --to base\n"),
    "check": (7, "pending: 1 pending: 0003_tiers\n"),
    "history": (0, "All about one of them: flask migrations history NAME\n"),
    "history 1": (0, "0001_clients.py as it ran:"),
    "verify": (0, "1 pending: flask migrations plan\n"),
    "lint": (0, "No findings."),
    "lint --all --versions more": (8, "See what they do: flask migrations plan --rehearse\n"),
    "new 'add units'": (0, "see what it would do: flask migrations plan\n"),
    "schema dump -o schema.sql": (0, "in CI: flask migrations schema dump --check schema.sql\n"),
    "schema dump --check no.sql": (8, "Write it anew: flask migrations schema dump -o no.sql\n"),
    "accept 1 --reason x": (3, ""),
    "accept 1": (2, "next       flask migrations accept 1 --reason "),
    "stamp 3 --yes": (0, "See where it stands: flask migrations status\n"),
    "stamp": (2, "or: flask migrations stamp --applied NAME\n"),
    "resume": (0, "Nothing was interrupted. See where it stands: flask migrations status\n"),
    "data errors": (0, "Nothing is in quarantine."),
    "data retry 3": (0, "Nothing to do: none of its rows is in quarantine.\n"),
    "graph": (0, "1 pending. See what they would do: flask migrations plan\n"),
    "snapshot list": (0, "None yet"),
    "snapshot create": (0, "Go back to it: flask migrations restore "),
    "snapshot verify 1": (2, "see which there are: flask migrations snapshot list\n"),
    "snapshot prune --keep 1": (0, "What is left: flask migrations snapshot list\n"),
    "restore 1": (2, "see which there are: flask migrations snapshot list\n"),
    "statsu": (2, "Usage: flask migrations [OPTIONS] COMMAND [ARGS]...\nTry 'flask migrations --help' for help.\n"),
    "up --stesp 1": (2, "Try 'flask migrations up --help' for help.\n"),
    "--version": (0, "flask migrations, version "),
}


@pytest.mark.parametrize("words", CALLS)
def test_commands_are_named_as_they_have_to_be_typed(three, words):
    more = three.path / "more"
    more.mkdir()
    more.joinpath("0001_drop.py").write_text('"""Drop."""\n\n\ndef upgrade(db):\n    db.execute("DROP TABLE t")\n')
    exit_code, told = CALLS[words]

    answer = migrations(three, *shlex.split(words))

    shown = answer.out + answer.err
    assert answer.exit_code == exit_code, shown
    assert told in shown
    assert BARE.findall(shown.replace("flask migrations", "")) == []


def test_the_list_above_has_each_command_that_says_what_to_type(three):
    called_here = {shlex.split(words)[0] for words in CALLS}

    assert set(NAMES) - called_here == {"ui"}  # which serves until it is stopped


def all_commands(group=commands, words="flask migrations"):
    context = click.Context(group)
    yield words
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from all_commands(command, f"{words} {name}")
        else:
            yield f"{words} {name}"


@pytest.mark.parametrize("words", list(all_commands()))
def test_the_help_of_every_command_says_flask_migrations(three, words):
    answer = migrations(three, *words.split()[2:], "--help")

    assert answer.exit_code == 0
    assert answer.out.startswith(f"Usage: {words} [OPTIONS]")
    assert BARE.findall(answer.out) == []
    assert max(map(len, answer.out.splitlines())) <= 80


def test_what_the_help_of_up_shows_to_be_typed(three):
    assert "\n  flask migrations up --to 17         the state at version 17\n" in migrations(three, "up", "-h").out


def test_the_end_of_a_run_as_a_whole_screen(three):
    answer = migrations(three, "up", "--yes")

    assert answer.err == ""
    assert answer.screen == screen(
        """
        snapshot  snapshots/SNAPSHOT-0002.sqlite   4.2 KiB
        1/1  0003_tiers   ran       0.04 s
        committed  1 migration applied, version 2 → 3, 0.04 s

        Back to where it was: flask migrations restore SNAPSHOT-0002
        See where it stands:  flask migrations status
        """
    )


def test_an_error_as_a_whole_screen_and_as_json(three):
    three.add("0003_tiers", "raise ValueError('no')")

    shown = migrations(three, "up", "--yes")
    told = migrations(three, "up", "--yes", "--json")

    assert (shown.exit_code, told.exit_code) == (4, 4)
    assert shown.err.endswith("  next       correct the file, then: flask migrations up\n")
    assert told.error["next"] == "correct the file, then: flask migrations up"


def test_what_to_do_about_files_is_named_so_too(three):
    three.versions.joinpath("0004_wrong.py").write_text("def upgrade(db:\n")

    told = migrations(three, "plan", "--json").error

    assert told["next"] == "correct the files, then: flask migrations plan"


def test_a_plan_that_has_moved_names_the_command_in_its_cause(three):
    migrations(three, "plan", "-o", "plan.json")
    three.sql("CREATE TABLE more (id)")

    answer = migrations(three, "up", "--plan", "plan.json", "--yes")

    assert answer.exit_code == 3
    assert "; flask migrations verify shows where)" in answer.err


def test_what_was_interrupted_is_resumed_by_flask(three):
    three.add("0003_tiers", 'db.execute("CREATE TABLE t (id)")\nraise ValueError("no")', head='transaction = "none"')

    failed = migrations(three, "up", "--yes")
    status = migrations(three, "status")
    refused = migrations(three, "up", "--yes")

    assert failed.exit_code == refused.exit_code == 6
    assert status.out.endswith("Interrupted. What can be done: flask migrations resume\n")
    assert "if it can run again: flask migrations resume --rerun\n" in refused.err
    assert "flask migrations stamp --applied 0003_tiers\n" in refused.err
    assert BARE.findall(failed.err + refused.err) == []


def test_what_migrations_say_themselves_stays_as_it_is(three):
    three.write(
        "0003_tiers.py",
        '''
        """Then type: migrate up"""

        def upgrade(db):
            db.log("see: migrate status")
            db.execute("CREATE TABLE tiers (note TEXT DEFAULT 'migrate plan')")

        def downgrade(db):
            db.execute("DROP TABLE tiers")
        ''',
    )

    plan = migrations(three, "plan")
    rehearsal = migrations(three, "up", "--dry-run")
    up = migrations(three, "up", "--yes", "-v")
    looked = [migrations(three, *words.split()) for words in ("status", "history", "history 3", "schema dump")]
    told = migrations(three, "plan", "--down", "--to", "2", "--json")

    for answer in (plan, rehearsal):
        assert "Then type: migrate up\n" in plan.out
        assert "DEFAULT 'migrate plan')" in answer.out
    assert "see: migrate status\n" in up.err
    assert "DEFAULT 'migrate plan')" in up.err
    assert "see: migrate status\n" in looked[1].out
    assert 'db.log("see: migrate status")\n' in looked[2].out
    assert "DEFAULT 'migrate plan'" in looked[3].out
    assert told.object["steps"][0]["description"] == "Then type: migrate up"


def test_a_file_whose_name_has_these_words_stays_as_it_is(three):
    migrations(three, "plan", "-o", "my migrate plan.json")
    migrations(three, "up", "--yes")

    answer = migrations(three, "down", "--plan", "my migrate plan.json", "--yes")

    assert "run it: flask migrations up --plan 'my migrate plan.json'\n" in answer.err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Run it: migrate up", "Run it: X up"),
        ("migrate plan … -o plan.json", "X plan … -o plan.json"),
        ("migrate --database data/app.sqlite …", "X --database data/app.sqlite …"),
        ('first\nor: migrate new "first"', 'first\nor: X new "first"'),
        ("TMPDIR=/path migrate …", "TMPDIR=/path X …"),
        ("a migrate", "a migrate"),
        ("nukeworks-migrate up, _migrate up, ./migrate up", "nukeworks-migrate up, _migrate up, ./migrate up"),
        ("migrated up", "migrated up"),
        ("migrate up --plan 'to migrate up.json'", "X up --plan 'to migrate up.json'"),
        ("today's file: migrate status, and today's plan", "today's file: X status, and today's plan"),
    ],
)
def test_where_the_program_is_named_in_words(text, expected):
    assert called(text) == text
    with called_as("X"):
        assert called(text) == expected
    assert called(text) == text


@pytest.mark.parametrize("words", [["status"], ["up", "--to", "9"], ["up", "--stesp"]], ids=" ".join)
def test_migrate_is_migrate_again_afterwards(three, capsys, words):
    migrations(three, *words)

    assert run(["-d", "app.sqlite", "--config", "pyproject.toml", "status"]) == 2  # the variable that means nothing
    assert "flask" not in "".join(capsys.readouterr())
    assert called("migrate up") == "migrate up"


CLI = Path(nukeworks_migrate.__file__).parent / "cli"
WORDS = re.compile(rf"\bmigrate (?={'|'.join(NAMES)})")
# What these hold or return goes through `called` where it is used.
HANDED_ON = {"_STOPPED", "_advice", "_next"}


@pytest.mark.parametrize("path", sorted(CLI.glob("*.py")), ids=lambda path: path.stem)
def test_no_screen_names_the_program_past_the_one_place_that_knows_its_name(path):
    """What is said in SQL or by a migration is no literal here, so every literal is this program's own words."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    fine = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id == "called":
                fine |= set(ast.walk(node))
            for keyword in node.keywords:
                if keyword.arg in ("next_step", "epilog"):
                    fine |= set(ast.walk(keyword))
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            fine |= set(ast.walk(node)) if getattr(node, "name", "") in HANDED_ON else set()
            fine |= {node.body[0].value} if ast.get_docstring(node) is not None else set()
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in HANDED_ON:
            fine |= set(ast.walk(node))

    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert [(node.lineno, node.value) for node in texts if node not in fine and WORDS.search(node.value)] == []


# --- which settings count


def test_every_field_of_the_project_is_kept_beside_a_flag(tmp_path):
    key = object()
    said = {
        "database": "sqlite:///app.sqlite",
        "versions": "here",
        "snapshots": "there",
        "lock_timeout_s": 3.0,
        "out_of_order": "refuse",
        "snapshot": "destructive",
        "snapshot_keep": 3,
        "snapshot_keep_days": 4.0,
        "snapshot_keep_bytes": 5,
        "snapshot_max_bytes": 6,
        "header_index": False,
        "redact": ("clients.email",),
        "resources": {"key": key},
        "resource_factories": ["other=app.keys:load"],
        "base": tmp_path,
    }
    assert set(said) == set(inspect.signature(Project).parameters), "a field is new: say a value for it here"
    project = Project(**said)

    plain = settings_within(project, {}, {}, str(tmp_path)).project()
    flagged = settings_within(project, {"snapshot": "never", "yes": True}, {}, str(tmp_path)).project()

    assert plain is project
    assert vars(flagged) == {**vars(project), "snapshot": "never"}


def test_flags_win_over_what_the_application_says(three, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    more.joinpath("0001_other.py").write_text('def upgrade(db):\n    db.execute("CREATE TABLE other (id)")\n')
    before = footprint(three.path / "snapshots") if (three.path / "snapshots").exists() else {}

    other = migrations(three, "--database", "other.sqlite", "up", "--yes", "--versions", str(more))
    never = migrations(three, "up", "--yes", "--snapshot", "never")
    elsewhere = migrations(three, "--snapshots", "flagged", "snapshot", "create", snapshot="always")

    assert other.out.startswith("1/1  0001_other   ran")
    assert "restore" not in never.out
    assert elsewhere.exit_code == 0 and len([*three.path.joinpath("flagged").glob("*.sqlite")]) == 1
    assert (footprint(three.path / "snapshots") if (three.path / "snapshots").exists() else {}) == before


def test_a_path_in_a_flag_means_the_current_folder(three, tmp_path, monkeypatch):
    below = tmp_path / "below"
    below.mkdir()
    monkeypatch.chdir(below)

    assert migrations(three, "status", "-d", "own.sqlite").out.startswith("database   sqlite   ../below/own.sqlite")
    migrations(three, "up", "--yes", "-d", "own.sqlite")

    assert below.joinpath("own.sqlite").exists()
    assert three.applied() == [1, 2]


def test_a_settings_file_cannot_be_named(three):
    answer = migrations(three, "status", "--config", "pyproject.toml")

    assert answer.exit_code == 2
    assert answer.err == screen(
        """
        error: --config names a settings file, and here the application says what is set   [bad-setting]
          unchanged  nothing was opened
          next       leave it out, or say what is meant by flags, --versions for one
        """
    )


def test_of_the_environment_counts_what_concerns_the_words_alone(three, monkeypatch):
    monkeypatch.setenv("NUKEWORKS_MIGRATE_JSON", "yes")
    monkeypatch.setenv("NUKEWORKS_MIGRATE_YES", "1")

    assert migrations(three, "up").object["ok"] is True
    monkeypatch.setenv("NUKEWORKS_MIGRATE_JSON", "")
    monkeypatch.setenv("NUKEWORKS_MIGRATE_QUIET", "1")
    assert migrations(three, "check").out == ""
    monkeypatch.setenv("NUKEWORKS_MIGRATE_QUIET", "perhaps")
    wrong = migrations(three, "check")
    assert (wrong.exit_code, "NUKEWORKS_MIGRATE_QUIET is 'perhaps'" in wrong.err) == (2, True)


def test_what_the_application_sets_wrongly_is_an_error_in_words_and_help_works_all_the_same(three):
    def application():
        raise BadSetting("MIGRATIONS_ODD means nothing", next_step="see where it stands: migrate status")

    shown = call(app_of(application), "migrations", "status")
    told = call(app_of(application), "migrations", "status", "--json")
    helped = call(app_of(application), "migrations", "up", "--help")

    assert (shown.exit_code, told.exit_code, helped.exit_code) == (2, 2, 0)
    assert shown.err.startswith("error: MIGRATIONS_ODD means nothing   [bad-setting]\n")
    assert told.error["next"] == "see where it stands: flask migrations status"


# --- resources

NEEDS_KEY = (
    'db.execute("CREATE TABLE keys (length)")\ndb.execute("INSERT INTO keys VALUES (?)", (len(db.resource("key")),))'
)


@pytest.fixture
def keyed(three):
    three.add("0004_keys", NEEDS_KEY, head='resources = ["key"]')
    three.path.joinpath("web_keys.py").write_text(
        f"def load():\n    return {SECRET!r}\n\n\ndef four():\n    return 'four'\n"
    )
    yield three
    sys.modules.pop("web_keys", None)


def length(folder):
    return folder.query("SELECT length FROM keys")


def test_a_resource_of_the_application_reaches_the_migration(keyed):
    assert migrations(keyed, "up", "--yes", resources={"key": SECRET}).exit_code == 0
    assert length(keyed) == [(len(SECRET),)]


def test_a_resource_is_there_beside_flags(keyed):
    assert migrations(keyed, "up", "--yes", "--snapshot", "never", resources={"key": SECRET}).exit_code == 0
    assert length(keyed) == [(len(SECRET),)]


def test_a_factory_of_the_application_is_called(keyed):
    answer = migrations(keyed, "up", "--yes", "--lock-timeout", "5", resource_factories=["key=web_keys:load"])

    assert answer.exit_code == 0, answer.err
    assert length(keyed) == [(len(SECRET),)]


def test_what_makes_a_resource_may_ask_the_application(keyed):
    keyed.path.joinpath("web_keys.py").write_text(
        "from flask import current_app\n\n\ndef load():\n    return current_app.name\n"
    )

    assert migrations(keyed, "up", "--yes", resource_factories=["key=web_keys:load"]).exit_code == 0
    assert length(keyed) == [(len("web_app"),)]


@pytest.mark.parametrize(
    "said",
    [{"resources": {"key": SECRET}}, {"resource_factories": ["key=web_keys:load"]}],
    ids=["over a value", "over a factory"],
)
def test_a_flag_wins_over_a_resource_of_the_application(keyed, said):
    answer = migrations(keyed, "up", "--yes", "--resource", "key=web_keys:four", **said)

    assert answer.exit_code == 0, answer.err
    assert length(keyed) == [(4,)]


def test_a_resource_that_nobody_provides_is_refused(keyed):
    answer = migrations(keyed, "up", "--yes")

    assert (answer.exit_code, "[missing-resource]" in answer.err) == (3, True)
    assert keyed.applied() == [1, 2]


@pytest.mark.parametrize(
    "words", [["up", "--yes", "-vv"], ["up", "--dry-run", "--show-values"], ["plan", "-v"], ["up"]]
)
def test_no_value_of_a_resource_is_shown(keyed, words):
    keyed.add(
        "0005_fails",
        'key = db.resource("key")\ndb.log(key)\ndb.execute("SELECT ?", (key,))\nraise ValueError(key)',
        head='resources = ["key"]',
    )

    for more in ([], ["--json"], ["--snapshot", "never"]):
        answer = migrations(keyed, *words, *more, resources={"key": SECRET})
        assert SECRET not in answer.out + answer.err
        assert answer.exit_code in (0, 3, 4)


# --- as in migrate


def test_global_options_stand_before_or_behind_the_command(three):
    before = migrations(three, "--json", "status").object
    behind = migrations(three, "status", "--json").object

    assert before == behind
    assert before["command"] == "status"
    assert migrations(three, "-vq", "--no-color", "check").exit_code == 7


def test_without_a_command_it_shows_what_there_is(three):
    answer = migrations(three)

    assert answer.exit_code == 2
    assert "\n  up        Apply what is pending.\n" in answer.err
    assert "Begin with: flask migrations status." in answer.err


@pytest.mark.parametrize(
    ("words", "variables", "coloured"),
    [
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--no-color"], {"FORCE_COLOR": "1"}, False),
        ([], {}, False),
    ],
)
def test_colours(three, monkeypatch, words, variables, coloured):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    write_app(three)

    answer = run_flask(three, "migrations", "status", *words)

    assert ("\x1b[33mpending" in answer.out) == coloured


@pytest.mark.parametrize(
    ("words", "exit_code"),
    [("status", 0), ("up --to 9", 2), ("up", 3), ("check", 7), ("up --yes", 4)],
)
def test_the_exit_code_of_the_program_is_that_of_the_command(three, words, exit_code):
    three.add("0003_tiers", "raise ValueError('no')")
    write_app(three)

    assert run_flask(three, "migrations", *words.split()).exit_code == exit_code


def test_a_run_asks_at_a_terminal(three, at_terminal):
    write_app(three)

    refused = at_terminal("up", "--no-color", answers=("n\n",))
    applied_before = three.applied()
    agreed = at_terminal("up", "--no-color", answers=("y\n",))

    assert (refused.exit_code, applied_before) == (3, [1, 2])
    assert (agreed.exit_code, three.applied()) == (0, [1, 2, 3])
    assert "Apply 1 migration? (app.sqlite) [y/N]: y\n" in agreed.out


def test_ctrl_c_exits_with_130(three, at_terminal):
    write_app(three)
    before = three.content()

    answer = at_terminal("up", "--no-color", answers=("\x03",))

    assert answer.exit_code == 130
    assert three.content() == before


def test_what_was_said_to_flask_is_said_again_in_what_is_to_be_typed(three):
    """Another application than the one that was named may be found where none is named."""
    write_app(three).rename(three.path / "web app.py")
    flask = [*FLASK, "--app", "web app.py"]

    def run(words):
        done = subprocess.run(
            words,
            cwd=three.path,
            env=flask_environment(three),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    code, out, _ = run([*flask, "migrations", "plan"])
    (command,) = re.findall("Run it: (.*)", out)
    assert (code, command) == (0, "flask --app 'web app.py' migrations up")
    code, out, err = run([*FLASK, *shlex.split(command)[1:], "--yes"])

    assert code == 0, err
    assert "Usage: flask migrations up" in run([*flask, "migrations", "up", "-h"])[1]


def test_an_application_that_flask_finds_itself_needs_no_name(three):
    write_app(three)

    done = subprocess.run(
        [*FLASK, "migrations", "plan"],
        cwd=three.path,
        env={**flask_environment(three), "FLASK_APP": "web_app"},
        capture_output=True,
        timeout=60,
    )

    assert done.stdout.decode().endswith("\nRun it: flask migrations up\n")


def test_a_program_of_the_applications_own_is_named_by_its_name(three):
    write_app(three)
    own = (
        "import sys; sys.argv[0] = 'nukeworks'\nfrom flask.cli import FlaskGroup\n"
        "def create_app():\n    from web_app import app\n    return app\n"
        "FlaskGroup(create_app=create_app)()"
    )

    done = subprocess.run(
        [sys.executable, "-c", own, "migrations", "plan"],
        cwd=three.path,
        env=flask_environment(three),
        capture_output=True,
        timeout=60,
    )

    assert done.stdout.decode().endswith("\nRun it: nukeworks migrations up\n"), done.stderr.decode()


def test_a_console_that_cannot_show_a_character_gets_an_escape(three):
    write_app(three)

    answer = run_flask(three, "migrations", "up", "--yes", PYTHONIOENCODING="latin-1")

    assert (answer.exit_code, answer.err) == (0, "")
    assert "version 2 \\u2192 3" in answer.out


@pytest.mark.skipif(sys.platform == "win32", reason="pipes close in another way there")
def test_a_reader_that_leaves_early_is_no_error(three):
    for version in range(4, 400):
        three.add(f"{version:04}_step")
    write_app(three)
    process = subprocess.Popen(
        [*PROGRAM, "migrations", "up", "--yes"],
        cwd=three.path,
        env=flask_environment(three),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )

    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()

    assert (process.wait(timeout=60), err) == (0, b"")
    assert len(three.applied()) == 399


def test_the_host_is_asked_for_its_project_once_and_only_by_a_command_that_runs(folder):
    asked = []

    def project():
        asked.append(1)
        return folder.project()

    host = Host("flask migrations", "flask migrations", project)
    folder.add_table("0001_one", "one")

    assert run(["--help"], host) == 0
    assert asked == []
    assert run(["status"], host) == 0
    assert asked == [1]


def test_the_whole_screen_of_status(three):
    assert normalised(migrations(three, "status").out) == screen(
        """
        database   sqlite   app.sqlite
        ledger     schema_version   version 2, 2 applied, last 2026-11-20 14:02 UTC
        files      versions/   3 migrations, 3 heads

          applied   0001_clients    2026-11-20 14:02:11 UTC    0.04 s
          applied   0002_contacts   2026-11-20 14:02:11 UTC    0.04 s
          pending   0003_tiers      0003_tiers does something.

        1 pending. See what they would do: flask migrations plan
        """
    )
