"""From the data folder of a PyInstaller bundle, as NukeWorks is shipped: migrations and helpers are data there."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import nukeworks_migrate

if importlib.util.find_spec("PyInstaller") is None:
    pytest.skip("PyInstaller is not installed: running from a bundle was not tested", allow_module_level=True)

APPLICATION = """
import os, sys
from nukeworks_migrate import Project, check, down, up
from nukeworks_migrate.cli.main import run

versions = os.path.join(sys._MEIPASS, "versions")
project = Project("app.sqlite", versions=versions)
print(check(project).verdict, up(project).version_after, check(project).verdict)
print(down(project, to="base").snapshot_id != "")
print(run(["-d", "app.sqlite", "--versions", versions, "up", "--yes"]))
"""


def test_a_bundled_application_migrates_with_the_files_in_its_data_folder(folder, tmp_path):
    folder.write("_names.py", 'TABLE = "clients"')
    folder.write(
        "0001_clients.py",
        """
        from ._names import TABLE


        def upgrade(db):
            db.execute(f"CREATE TABLE {TABLE} (id INTEGER PRIMARY KEY, name TEXT)")
            db.execute("DROP TABLE IF EXISTS leftovers")  # for which sqlparse is asked, and has to be in the bundle
            db.transform(TABLE, lambda name: name.upper(), reads=["name"], writes=["name"])


        def downgrade(db):
            db.execute(f"DROP TABLE {TABLE}")
        """,
    )
    (tmp_path / "application.py").write_text(APPLICATION, encoding="utf-8")
    separator = ";" if sys.platform == "win32" else ":"
    build = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR", "application.py"]
    # PyInstaller does not follow an editable installation by itself.
    package = ["--paths", str(Path(nukeworks_migrate.__file__).parent.parent)]
    data = ["--add-data", f"{folder.versions}{separator}versions"]
    subprocess.run([*build, *package, *data], cwd=tmp_path, check=True, timeout=280)

    done = subprocess.run(
        [tmp_path / "dist" / "application" / "application"], cwd=folder.path, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["pending 1 ok", "True"]
    assert lines[-1] == "0"
    assert "warning: table leftovers is dropped with all its rows" in done.stderr
    assert folder.applied() == [1]
