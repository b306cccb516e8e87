"""docs/applications.md: its application is run as it stands, with its commands, and what it says is held."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from documents.reading import _FENCE, Block, blocks, code, normalised, table, text_of
from support import Folder, environment

from nukeworks_migrate.application import FACE_KEYS, PREFIX
from nukeworks_migrate.settings import SETTINGS
from nukeworks_migrate.web.start import StartPolicy

DOCUMENT = "docs/applications.md"
BLOCKS = [Block(*match.groups()) for match in _FENCE.finditer(text_of(DOCUMENT))]
# As it is typed: what is shown tells how the program was called.
PROGRAMS = {"flask": shutil.which("flask", path=os.path.dirname(sys.executable)), "python": sys.executable}
INSTALL = "pip install 'nukeworks-migrate[flask]'"


@pytest.fixture
def written(tmp_path):
    """The folder of the application, with all its files."""
    folder = Folder(tmp_path / "project")
    for block in BLOCKS:
        if block.file:
            (folder.path / block.file).write_text(block.text, encoding="utf-8")
    return folder


def run(folder, *words):
    return subprocess.run(
        words,
        cwd=folder.path,
        env={**environment(folder), "SECRET_KEY": "of the tests"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # as a terminal shows it
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        timeout=60,
    )


def test_every_command_prints_what_the_document_shows(written):
    for block in blocks(DOCUMENT, "console"):
        for call in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, shown = call.partition("\n")
            program, *words = shlex.split(command)
            if command == INSTALL:
                continue
            done = run(written, PROGRAMS[program], *words)
            assert masked(done.stdout) == masked(shown), command


def masked(text):
    return re.sub(r"\d+\.\d KiB", "SIZE", normalised(text))


def test_the_application_is_closed_until_its_database_fits_and_opens_by_itself(written):
    script = """
        from app import create_app
        client = create_app().test_client()
        print(client.get("/").status_code, client.get("/migrations/").status_code)
        from nukeworks_migrate import Project, up
        up(Project("app.sqlite"))
        print(client.get("/").text)
    """

    done = run(written, sys.executable, "-c", "\n".join(line.strip() for line in script.splitlines()))

    assert done.stdout.splitlines() == ["503 403", "0 clients of the first tier"]


def test_the_program_without_flask_applies_what_is_pending_and_refuses_the_rest(written):
    first = run(written, sys.executable, "start.py")
    again = run(written, sys.executable, "start.py")
    (written.versions / "0002_add_client_tier.py").unlink()
    newer = run(written, sys.executable, "start.py")

    assert (first.returncode, first.stdout) == (0, "The database is at version 2.\n")
    assert (again.returncode, again.stdout) == (0, "The database is at version 2.\n")
    assert newer.returncode == 1
    assert "is newer than this application" in newer.stdout


def test_the_policies_are_those_that_there_are():
    told = {policy for row in table(DOCUMENT, "policy") for policy in code(row[0])}

    assert told == {policy.value for policy in StartPolicy}


def test_the_settings_that_are_named_are_there():
    known = {PREFIX + key for key in (*(setting.key.upper() for setting in SETTINGS), *FACE_KEYS)}

    named = set(re.findall(r"\bMIGRATIONS_[A-Z_]*[A-Z]\b", text_of(DOCUMENT)))

    assert named - known == set()


@pytest.mark.parametrize("before", [True, False], ids=["CSRFProtect first", "CSRFProtect last"])
def test_the_dialogs_forms_pass_where_flask_wtf_protects_the_application(before, written, tmp_path):
    from flask import Flask
    from flask_wtf import CSRFProtect

    from nukeworks_migrate.web import Migrations

    app = Flask("app")
    app.config.update(SECRET_KEY="s", MIGRATIONS_AT_START="off", MIGRATIONS_VERSIONS=str(written.versions))
    app.config.update(MIGRATIONS_DATABASE=str(written.database), MIGRATIONS_SNAPSHOTS=str(tmp_path / "snapshots"))
    for extension in (CSRFProtect, Migrations)[:: 1 if before else -1]:
        extension(app, **({"authorize": lambda: True} if extension is Migrations else {}))
    client = app.test_client()

    assert send_form(client, with_foreign_token=False) == 400
    assert send_form(client, with_foreign_token=True) == 303


def send_form(client, *, with_foreign_token):
    page = client.get("/migrations/").text
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', page))
    assert set(fields) == {"form_token", "csrf_token"}
    if not with_foreign_token:
        del fields["csrf_token"]
    answer = client.post("/migrations/rehearse", data=fields, headers={"Origin": "http://localhost"})
    if answer.status_code == 303:
        while client.get(f"{answer.location}/state").json["state"] == "running":
            pass
    return answer.status_code
