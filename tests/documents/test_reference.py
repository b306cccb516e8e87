"""docs/reference.md: complete by comparison with the program, and its examples are run."""

import dataclasses
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import pytest
from documents.reading import blocks, code, migrations, prose, sections, table
from support import environment

import nukeworks_migrate
from nukeworks_migrate import compat, create_snapshot, errors, up
from nukeworks_migrate.actions.verify import VERIFY_RULES
from nukeworks_migrate.application import FACE_KEYS, OLD_NAMES, PREFIX
from nukeworks_migrate.cli import exits
from nukeworks_migrate.cli.main import commands
from nukeworks_migrate.databases.base import Deadline
from nukeworks_migrate.databases.ledger import LogEvent
from nukeworks_migrate.model.findings import RULES
from nukeworks_migrate.model.rehearsal import WayBack
from nukeworks_migrate.model.standing import Verdict
from nukeworks_migrate.project import SNAPSHOT_POLICIES
from nukeworks_migrate.settings import FACE_SETTINGS, SETTINGS, read_settings

DOCUMENT = "docs/reference.md"
SECTIONS = sections(DOCUMENT)
EVERY_COMMAND = SECTIONS["Options of every command"]


def all_commands(group=commands, words="migrate"):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from all_commands(command, f"{words} {name}")
        else:
            yield f"{words} {name}", command


COMMANDS = dict(all_commands())
COMMON = {option for param in commands.params for option in param.opts} | {"--help", "-h"}


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_of_a_command_is_in_its_section(words):
    own = [option for param in COMMANDS[words].params for option in param.opts if option.startswith("-")]

    missing = [option for option in own if option not in COMMON and not re.search(rf"`{option}\b", SECTIONS[words])]

    assert missing == []


@pytest.mark.parametrize("words", COMMANDS)
def test_no_section_has_an_option_that_the_command_has_not(words):
    told = set(re.findall(r"`(--[a-z-]+)", SECTIONS[words]))
    own = {option for param in COMMANDS[words].params for option in param.opts}

    allowed = {"--manual-too"} if words == "migrate snapshot create" else set()
    assert told - own - COMMON - allowed == set()


def test_every_command_has_the_common_options_and_the_document_has_each_of_them():
    for words, command in COMMANDS.items():
        own = {option for param in command.params for option in param.opts}
        assert COMMON - own - {"--help", "-h", "--version"} == set(), words
    assert [option for option in COMMON - {"--version"} if f"`{option}" not in EVERY_COMMAND] == []
    assert "`migrate --version`" in EVERY_COMMAND


def test_choices_are_told_one_by_one():
    for words, command in COMMANDS.items():
        for param in command.params:
            if isinstance(param.type, click.Choice):
                choices = [f"`{param.opts[0]} {choice}`" for choice in param.type.choices]
                assert [choice for choice in choices if choice not in SECTIONS[words]] == []
    assert all(f"`{policy}`" in SECTIONS["Settings"] for policy in SNAPSHOT_POLICIES)


def test_every_exit_code_is_in_the_table_and_no_other():
    told = {int(row[0]) for row in table(DOCUMENT, "code", "means")}
    known = {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}

    assert told == known | {130, 143}


def error_classes():
    for module in pkgutil.walk_packages(nukeworks_migrate.__path__, "nukeworks_migrate."):
        importlib.import_module(module.name)
    waiting, found = [errors.MigrateError], set()
    while waiting:
        kind = waiting.pop()
        found.add(kind)
        waiting.extend(kind.__subclasses__())
    return found


def test_every_error_has_its_code_beside_its_exit_code():
    told = {name: int(row[0]) for row in table(DOCUMENT, "code", "means") for name in code(row[2])}
    told |= {code(row[0])[0]: exits.REFUSED for row in table(DOCUMENT, "`error.code`")}
    abstract = {"migrate-error", "part-way"}  # bases that are never raised themselves

    for kind in error_classes():
        if kind.code in abstract:
            continue
        if issubclass(kind, errors.Stopped):
            assert {exits.code_of(kind(2, "")), exits.code_of(kind(15, ""))} == {130, 143}
            assert told.pop("stopped") == 143
        elif issubclass(kind, errors.FilesRefused):
            assert told.pop(kind.code) == exits.code_of(kind("versions", ()))
        else:
            assert told.pop(kind.code) == exits.code_of(kind("")), kind
    assert told == {}


def test_check_tells_by_its_codes_what_the_document_says():
    told = dict(re.findall(r"`([a-z-]+)` (\d+)", SECTIONS["migrate check"]))

    assert {name: int(number) for name, number in told.items()} == {
        verdict.value: exits.code_of_verdict(verdict) for verdict in Verdict
    }


def test_every_setting_is_in_the_table_with_its_flag_and_no_other():
    rows = {code(row[0])[0]: row for row in table(DOCUMENT, "key", "flag")}

    assert set(rows) == {setting.key for setting in (*SETTINGS, *FACE_SETTINGS)}
    flags = COMMON | {"--snapshot", "--resource"}
    for key, row in rows.items():
        flag = f"--{key.replace('_', '-')}"
        assert code(row[1]) == ([flag] if flag in flags else [])


def test_every_setting_of_an_application_is_in_its_table_and_no_other():
    told = [name for row in table(DOCUMENT, "application key") for name in code(row[0])]
    required = ["REQUIRED_SCHEMA_VERSION", "VERSION_SCHEMA_MAP"]

    ours = [PREFIX + setting.key.upper() for setting in SETTINGS]
    assert sorted(told) == sorted([*ours, "MIGRATIONS_RESOURCES", "MIGRATIONS_BASE", *required])
    section = SECTIONS["Settings of an application"]
    also = [*(PREFIX + key for key in FACE_KEYS), *OLD_NAMES.values(), "SQLALCHEMY_DATABASE_URI", "APPLICATION_VERSION"]
    assert [name for name in also if f"`{name}`" not in section] == []


def test_every_function_of_the_old_system_is_in_its_table_with_its_arguments():
    for name, row in {code(row[0])[0].partition("(")[0]: row for row in table(DOCUMENT, "old function")}.items():
        told = re.findall(r"(\w+)(?:=\w+|=…)?[,)]", code(row[0])[0])
        assert len(told) == len(inspect.signature(getattr(compat, name)).parameters), name
    told = SECTIONS["From the hand-made system"]
    assert [name for name in compat.__all__ if not re.search(rf"`{name}\b", told)] == []


def test_defaults_are_those_of_the_program(tmp_path):
    project = read_settings({"database": "x"}, {}, tmp_path).project()
    rows = {code(row[0])[0]: row[2].strip("`") for row in table(DOCUMENT, "key", "flag")}

    for setting in SETTINGS:
        if rows[setting.key] and setting.key != "snapshot":  # which is None, and means always
            value = getattr(project, setting.field)
            assert rows[setting.key] == (f"{value:g}" if isinstance(value, float) else str(value).lower())
    assert project.snapshot is None and rows["snapshot"] == "always"


def test_the_settings_files_that_it_shows_say_the_same(tmp_path):
    found = []
    for language in ("toml", "ini"):
        (block,) = blocks(DOCUMENT, language)
        folder = tmp_path / language
        folder.mkdir()
        (folder / block.file).write_text(block.text, encoding="utf-8")
        found.append(dict(read_settings({}, {}, folder).values))

    assert found == [{"database": "data/app.sqlite", "snapshot_keep": 20}] * 2


def test_flag_then_variable_then_file_and_what_paths_are_relative_to(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        '[tool.nukeworks_migrate]\ndatabase = "file.sqlite"\nversions = "from_file"\nlock_timeout = 1\n'
    )
    below = tmp_path / "below"
    below.mkdir()
    variables = {"NUKEWORKS_MIGRATE_DATABASE": "variable.sqlite", "NUKEWORKS_MIGRATE_LOCK_TIMEOUT": "2"}

    of_file = read_settings({}, {}, below).project()
    of_variable = read_settings({}, variables, below).project()
    of_flag = read_settings({"database": "flag.sqlite", "lock_timeout": 3.0}, variables, below).project()

    found = [(str(p.open_database().path), p.lock_timeout_s) for p in (of_file, of_variable, of_flag)]
    assert found == [
        (str(tmp_path / "file.sqlite"), 1),
        (str(below / "variable.sqlite"), 2),
        (str(below / "flag.sqlite"), 3),
    ]
    assert Path(of_flag.versions_path) == tmp_path / "from_file"
    assert Path(of_flag.snapshots_path) == tmp_path / "snapshots"


def test_targets_mean_what_the_table_says(folder):
    folder.add_table("0016_add_engineer_role", "one")
    folder.add_table("0017_add_client_tier", "two")
    folder.add_table("0018_last", "three")
    plan = nukeworks_migrate.plan
    for row in table(DOCUMENT, "written"):
        for target in code(row[0]):
            wanted = {"head": 3, "base": 0}.get(target, 2)
            assert len(plan(folder.project(), to=target).preview.plan.steps) == wanted, target
    with pytest.raises(errors.UnknownTarget):
        plan(folder.project(), to="0017_tier")
    with pytest.raises(errors.UnknownTarget):
        plan(folder.project(), to="1")


@pytest.mark.parametrize("name", ["schema_version", "schema_version_log", "schema_version_source"])
def test_the_columns_of_the_ledger_are_all_there(folder, name):
    folder.add_table("0001_one", "one")
    up(folder.project())

    told = [column for row in table(DOCUMENT, f"`{name}`") for column in code(row[0])]

    assert sorted(told) == sorted(column for (column,) in folder.query(f"SELECT name FROM pragma_table_info('{name}')"))


def test_the_events_of_the_log_are_all_there():
    told = {event for row in table(DOCUMENT, "event") for event in code(row[0])}

    written = {event.value for event in LogEvent} - {"run"}  # which nothing writes
    assert told == written


def test_the_keys_of_a_manifest_are_all_there(folder):
    folder.add_table("0001_one", "one")
    up(folder.project())
    manifest = create_snapshot(folder.project())

    told = [key for row in table(DOCUMENT, "key", "holds") for key in code(row[0])]

    assert sorted(told) == sorted(field.name for field in dataclasses.fields(manifest))


def test_the_findings_are_all_there():
    told = {code(row[0])[0]: tuple(row[1:]) for row in table(DOCUMENT, "code", "severity")}

    assert told == {rule.code: (rule.severity.value, rule.title) for rule in RULES}


def test_the_findings_of_verify_are_all_there():
    told = {code(row[0])[0]: tuple(row[1:]) for row in table(DOCUMENT, "code", "part")}

    parts = {"0": "files", "1": "schema", "2": "foreign keys", "3": "integrity"}
    assert told == {rule.code: (parts[rule.code[4]], rule.severity.value, rule.title) for rule in VERIFY_RULES}


def test_what_a_library_user_may_rely_on_is_all_there():
    told = SECTIONS["As a library"] + "".join(block.text for block in blocks(DOCUMENT, "python"))

    assert [name for name in nukeworks_migrate.__all__ if not re.search(rf"\b{name}\b", told)] == []


def test_the_arguments_of_the_functions_are_those_of_the_program():
    for row in table(DOCUMENT, "function"):
        name, _, inside = code(row[0])[0].rstrip(")").partition("(")
        known = inspect.signature(getattr(nukeworks_migrate, name)).parameters
        told = [word.strip().removesuffix("=…") for word in inside.split(",")]
        assert [word for word in told if word not in known and word != "…"] == [], name
        if "…" not in told:
            assert set(known) - set(told) <= {"on_event"}, name


def test_the_library_example_prints_what_stands_below_it(folder):
    first, text = next(iter(migrations("docs/writing-migrations.md").items()))
    folder.write(first, text)
    (example,) = [block for block in blocks(DOCUMENT, "python") if block.file == "example.py"]
    (printed,) = blocks(DOCUMENT, "text")

    done = subprocess.run(
        [sys.executable, "-c", example.text],
        cwd=folder.path,
        env=environment(folder),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )

    assert done.stdout.splitlines() == printed.text.splitlines(), done.stderr


def test_the_values_that_are_named_are_there(folder):
    folder.add_table("0001_one", "one")
    found = nukeworks_migrate.check(folder.project())

    for name in ("verdict", "sentence", "version", "required", "pending", "ok", "too_new", "drifted", "interrupted"):
        assert f"`{name}`" in prose(DOCUMENT)
        assert hasattr(found, name)
    for name in ("code", "what", "where", "cause", "changed", "unchanged", "next_step"):
        assert f"`{name}`" in prose(DOCUMENT)
        assert hasattr(errors.MigrateError(""), name)


def test_the_other_files_are_where_it_says(folder):
    folder.add_table("0001_one", "one")
    up(folder.project())

    lock, index, _damaged, copy = (code(row[0])[0] for row in table(DOCUMENT, "file", "is"))

    assert (folder.path / lock).is_file()
    assert [*folder.path.glob(index.replace("…", "*"))]
    with folder.project().open_database().scratch(Deadline(5), lambda done, total: None) as scratch:
        assert scratch.path.parent.name.startswith(copy.removesuffix("…"))
        assert scratch.path.parents[1] == Path(tempfile.gettempdir())


def test_the_verdicts_on_a_way_back_are_all_there():
    assert [code(row[0])[0] for row in table(DOCUMENT, "way back")] == [verdict.value for verdict in WayBack]


def test_what_a_rehearsal_is_asked_is_the_same_everywhere_and_told_in_its_section():
    told = set(re.findall(r"`(--[a-z-]+)", "".join(row[0] for row in table_in("Rehearsals", "option"))))

    assert told == {"--samples", "--show-values", "--no-way-back"}
    for words in ("migrate up", "migrate down", "migrate plan"):
        assert told <= {option for param in COMMANDS[words].params for option in param.opts}


def table_in(title, heading):
    """The rows of a table that is not the only one with its heading."""
    rows = SECTIONS[title].partition(f"\n| {heading} |")[2].splitlines()
    return [row.strip("|").split("|") for row in rows[2:] if row.startswith("|")]


def test_redacted_columns_are_named_as_it_says(tmp_path):
    (written,) = re.findall(r"`(redact = \[.*?\])`", SECTIONS["Settings"])
    (tmp_path / "pyproject.toml").write_text(f"[tool.nukeworks_migrate]\n{written}\n")

    of_file = read_settings({"database": "x"}, {}, tmp_path).project()
    of_variable = read_settings({"database": "x"}, {"NUKEWORKS_MIGRATE_REDACT": "clients.email phone"}, "/").project()

    assert of_file.redact == of_variable.redact == ("clients.email", "phone")


def test_the_job_for_a_code_host_runs_a_command_that_is_there(folder):
    (job,) = blocks(DOCUMENT, "yaml")
    (words, log) = re.search(r"run: migrate (.+) > (\S+)", job.text).groups()
    folder.add_table("0001_one", "one")

    done = folder.run(*words.split())

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == "2.1.0"
    assert f"sarif_file: {log}" in job.text


COMPLETING = "import sys; sys.argv[0] = {!r}; from nukeworks_migrate.cli.main import main; main()"


@pytest.mark.parametrize("program", ["migrate", "nukeworks-migrate"])
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_line_for_a_shell_is_answered_with_a_script_for_it(folder, program, shell):
    (line,) = [line for line in SECTIONS["Shell completion"].splitlines() if line.startswith(f"- {shell}")]
    variable, instruction = re.search(r"(_MIGRATE_COMPLETE)=(\w+) migrate", line).groups()
    if program != "migrate":
        (variable,) = [name for name in code(SECTIONS["Shell completion"]) if name.startswith("_NUKEWORKS")]

    done = subprocess.run(
        [sys.executable, "-c", COMPLETING.format(program)],
        env={**environment(folder), variable: instruction},
        cwd=folder.path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )

    assert done.returncode == 0
    assert f"{variable}={shell}_complete" in done.stdout
    assert program in done.stdout


def test_a_shell_that_asks_is_told_the_options_of_a_command(folder):
    asked = {"_MIGRATE_COMPLETE": "bash_complete", "COMP_WORDS": "migrate up --", "COMP_CWORD": "2"}

    done = subprocess.run(
        [sys.executable, "-c", COMPLETING.format("migrate")],
        env={**environment(folder), **asked},
        cwd=folder.path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )

    assert "plain,--steps" in done.stdout.splitlines()
