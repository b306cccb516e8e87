"""README.md: its transcript is run as it is written, and its commands do what it says of them."""

import os
import re
import shlex
import shutil
import subprocess

import pytest
from documents.reading import blocks, code, migrations, normalised, table, text_of
from support import MIGRATE, REPOSITORY, Folder, environment

from nukeworks_migrate import Project, status
from nukeworks_migrate.errors import BadSetting

DOCUMENT = "README.md"
MAIN_JOB = "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/migrate up --yes"
ALL_TESTS = "python3 -m venv .venv && .venv/bin/pip install '.[test]' && .venv/bin/pytest"


def test_the_two_commands_stand_there_as_they_are_typed():
    assert [block.text.strip() for block in blocks(DOCUMENT, "sh")] == [MAIN_JOB, ALL_TESTS]


def test_on_windows_they_are_the_same_steps():
    """A line each: && is unknown to Windows PowerShell, and ; to cmd. Double quotes mean the same to both."""
    for unix, windows in zip((MAIN_JOB, ALL_TESTS), blocks(DOCUMENT, "bat"), strict=True):
        lines = (
            unix.replace("python3", "py -3").replace("'", '"').replace(".venv/bin/", ".venv\\Scripts\\").split(" && ")
        )
        assert windows.text.splitlines() == lines


def test_the_main_job_makes_the_database_and_says_what_it_did_and_what_is_next(tmp_path):
    shutil.copytree(REPOSITORY / "versions", tmp_path / "versions", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "setup.cfg", tmp_path)

    words = MAIN_JOB.rpartition("bin/migrate ")[2].split()
    done = subprocess.run(
        [*MIGRATE, *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )

    found = status(Project("nukeworks.sqlite", base=tmp_path))
    assert done.returncode == 0, done.stderr
    assert {line.state for line in found.lines} == {"applied"}
    assert all(line.name in done.stdout for line in found.lines)
    assert f"{len(found.lines)} migrations applied" in done.stdout
    assert done.stdout.splitlines()[-1] == "See where it stands: migrate status"


def test_the_transcript_runs_as_it_is_written(tmp_path):
    """Each line that begins with $ is run in a folder that was empty; what follows it is what it prints."""
    folder = Folder(tmp_path / "project")
    folder.versions.rmdir()
    ran = []

    for block in blocks(DOCUMENT, "console"):
        for call in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, printed = call.partition("\n")
            program, *words = shlex.split(command)
            done = subprocess.run(
                [*MIGRATE, *words],
                cwd=folder.path,
                env=environment(folder),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,  # as a terminal shows it
                stdin=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                timeout=60,
            )
            assert program == "migrate"
            assert done.returncode == 0, done.stdout
            assert normalised(done.stdout) == normalised(printed)
            ran.append(words)
        if len(ran) == 1:
            for name, text in migrations(DOCUMENT).items():
                assert (folder.versions / name).exists(), "new has written another file"
                folder.write(name, text)

    assert [words[-1] for words in ran] == ["add clients", "--yes"]
    assert folder.query("SELECT * FROM clients") == []
    assert folder.applied() == [1]


def test_the_transcript_has_about_ten_lines():
    assert sum(len(block.text.splitlines()) for block in blocks(DOCUMENT, "console")) <= 11


def test_with_the_settings_that_it_shows_no_flag_is_needed(tmp_path):
    (block,) = blocks(DOCUMENT, "toml")
    folder = Folder(tmp_path)
    folder.add_table("0001_clients", "clients")
    (tmp_path / "pyproject.toml").write_text(block.text, encoding="utf-8")

    from nukeworks_migrate.settings import read_settings

    project = read_settings({}, {}, tmp_path).project()

    assert status(project).database == "app.sqlite"


def test_every_promise_names_a_test_module_that_is_there():
    named = [name for row in table(DOCUMENT, "promise") for name in code(row[-1])]

    assert named
    assert [name for name in named if not (REPOSITORY / "tests" / name).is_file()] == []


def test_what_is_not_there_is_not_there():
    """When one of these comes, the README has to say so."""
    absent = text_of(DOCUMENT).partition("## What it does not do")[2].partition("\n## ")[0]
    assert "no PostgreSQL, no MariaDB" in absent
    for url in ("postgresql://host/db", "mariadb://host/db"):
        with pytest.raises(BadSetting):
            Project(url).open_database()
