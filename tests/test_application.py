"""What an application says in its configuration: every setting, the old system's names, and where the database is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url

from nukeworks_migrate import check, up
from nukeworks_migrate.application import read_application
from nukeworks_migrate.errors import BadSetting
from nukeworks_migrate.settings import SETTINGS

DATABASE = {"MIGRATIONS_DATABASE": "app.sqlite"}


def read(config, base, **more):
    return read_application({**DATABASE, **config}, base=str(base), **more)


# Every setting, as an application may say it, and what the project has of it.
SAID = {
    "database": ("data/app.sqlite", "data/app.sqlite"),
    "versions": (Path("database") / "versions", os.path.join("database", "versions")),
    "snapshots": ("copies", "copies"),
    "lock_timeout": ("2.5", 2.5),
    "out_of_order": ("refuse", "refuse"),
    "snapshot": ("destructive", "destructive"),
    "snapshot_keep": (3, 3),
    "snapshot_keep_days": (30, 30.0),
    "snapshot_keep_bytes": ("1000", 1000),
    "snapshot_max_bytes": (5, 5),
    "header_index": ("no", False),
    "redact": ("clients.email, phone", ("clients.email", "phone")),
    "resource": (["notes_key=app.keys:load"], {"notes_key": "app.keys:load"}),
}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.key)
def test_every_setting_of_the_command_line_is_one_of_applications(setting, tmp_path):
    said, expected = SAID[setting.key]

    project = read({f"MIGRATIONS_{setting.key.upper()}": said}, tmp_path).project

    assert getattr(project, setting.field) == expected


@pytest.mark.parametrize("said", [("clients.email", "phone"), ["clients.email", "phone"]], ids=["tuple", "list"])
def test_names_may_be_any_list(said, tmp_path):
    assert read({"MIGRATIONS_REDACT": said}, tmp_path).project.redact == ("clients.email", "phone")


def test_none_counts_as_not_said(tmp_path):
    config = {f"MIGRATIONS_{setting.key.upper()}": None for setting in SETTINGS if setting.key != "database"}

    application = read({**config, "REQUIRED_SCHEMA_VERSION": None, "VERSION_SCHEMA_MAP": None}, tmp_path)

    assert application.required is None
    assert (application.project.versions, application.project.snapshot_keep) == ("versions", 10)


def test_keys_of_the_faces_and_of_other_extensions_are_let_be(tmp_path):
    config = {
        "MIGRATIONS_AT_START": "dialog",
        "MIGRATIONS_URL_PREFIX": "/migrations",
        "MIGRATIONS_HOSTS": ["localhost"],
        "MIGRATIONS_ORIGINS": [],
        "MIGRATIONS_OPEN_ENDPOINTS": ["health"],
        "SECRET_KEY": "x",
        7: "a key that is no text",
    }

    assert read(config, tmp_path).project.database == "app.sqlite"


def test_resources_come_by_name_and_those_that_are_handed_in_count_first(tmp_path):
    config = {"MIGRATIONS_RESOURCES": {"notes_key": b"one", "other": 1}}

    assert read(config, tmp_path).project.resources == {"notes_key": b"one", "other": 1}
    assert read(config, tmp_path, resources={"notes_key": b"two"}).project.resources == {
        "notes_key": b"two",
        "other": 1,
    }


@pytest.mark.parametrize(
    ("config", "what", "cause"),
    [
        pytest.param(
            {"MIGRATIONS_VERSION": "versions"},
            "unknown setting MIGRATIONS_VERSION in the application's configuration",
            "known are: ",
            id="an unknown key",
        ),
        pytest.param(
            {"MIGRATIONS_SNAPSHOT_KEEP": "many"},
            "MIGRATIONS_SNAPSHOT_KEEP is 'many'",
            "expected: a whole number",
            id="a wrong kind",
        ),
        pytest.param(
            {"MIGRATIONS_SNAPSHOT_KEEP": 0}, "snapshot_keep = 0 means nothing here", "1 or more", id="a wrong value"
        ),
        pytest.param(
            {"MIGRATIONS_VERSIONS": 7}, "MIGRATIONS_VERSIONS is 7", "expected: a text", id="a number for a path"
        ),
        pytest.param(
            {"MIGRATIONS_VERSIONS": "versions", "MIGRATIONS_DIR": "migrations"},
            "MIGRATIONS_VERSIONS and MIGRATIONS_DIR name two folders",
            "versions and migrations",
            id="two folders of migrations",
        ),
        pytest.param(
            {"MIGRATIONS_SNAPSHOTS": "copies", "SNAPSHOT_DIR": "snapshots"},
            "MIGRATIONS_SNAPSHOTS and SNAPSHOT_DIR name two folders",
            "copies and snapshots",
            id="two folders of snapshots",
        ),
        pytest.param(
            {"MIGRATIONS_RESOURCES": ["secret"]},
            "MIGRATIONS_RESOURCES is no mapping of names",
            "expected: {'confidential_key': key}",
            id="resources without names",
        ),
        pytest.param(
            {"REQUIRED_SCHEMA_VERSION": "next"},
            "REQUIRED_SCHEMA_VERSION is 'next'",
            "expected: a whole number",
            id="a required version in words",
        ),
        pytest.param(
            {"VERSION_SCHEMA_MAP": {"1.0.0": 1, "1.1.0": 4}, "APPLICATION_VERSION": "2.0.0"},
            "VERSION_SCHEMA_MAP does not hold the application's version '2.0.0'",
            "it holds '1.0.0', '1.1.0'",
            id="a map without the application's version",
        ),
        pytest.param(
            {"VERSION_SCHEMA_MAP": {}, "APPLICATION_VERSION": "2.0.0"},
            "VERSION_SCHEMA_MAP does not hold the application's version '2.0.0'",
            "it holds nothing",
            id="an empty map",
        ),
        pytest.param(
            {"VERSION_SCHEMA_MAP": {"1.0.0": 1}},
            "VERSION_SCHEMA_MAP says nothing without APPLICATION_VERSION",
            "there is no APPLICATION_VERSION",
            id="a map and no version",
        ),
        pytest.param(
            {"VERSION_SCHEMA_MAP": [1], "APPLICATION_VERSION": "1.0.0"},
            "VERSION_SCHEMA_MAP is [1]",
            "expected: {'1.0.0': 1, …}",
            id="no map",
        ),
        pytest.param(
            {"VERSION_SCHEMA_MAP": {"1.0.0": True}, "APPLICATION_VERSION": "1.0.0"},
            "VERSION_SCHEMA_MAP['1.0.0'] is True",
            "expected: a whole number",
            id="a map to no number",
        ),
        pytest.param(
            {"MIGRATIONS_DATABASE": ":memory:"}, ":memory: names no file", "in memory", id="a database in memory"
        ),
        pytest.param(
            {"MIGRATIONS_DATABASE": "postgresql://ann:secret@host/app"},
            "postgresql:// is no database that this version knows",
            "known are sqlite:///path and plain paths",
            id="another engine",
        ),
    ],
)
def test_what_means_nothing_is_refused_in_words(config, what, cause, tmp_path):
    with pytest.raises(BadSetting) as failure:
        read(config, tmp_path)

    error = failure.value
    assert error.what == what
    assert cause in error.cause
    assert error.next_step
    assert "secret" not in f"{error.what} {error.cause} {error.next_step}"


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("MIGRATIONS_SNAPSHOT_KEPT", "MIGRATIONS_SNAPSHOT_KEEP"),
        ("MIGRATIONS_DATABSE", "MIGRATIONS_DATABASE"),
        ("MIGRATIONS_AT_STRAT", "MIGRATIONS_AT_START"),
    ],
)
def test_a_misspelt_key_is_told_what_may_be_meant(key, meant, tmp_path):
    with pytest.raises(BadSetting) as failure:
        read({key: "x"}, tmp_path)

    assert failure.value.next_step == f"did you mean {meant}?"


def test_the_old_systems_folders_are_taken(tmp_path):
    project = read({"MIGRATIONS_DIR": tmp_path / "migrations", "SNAPSHOT_DIR": "copies"}, tmp_path).project

    assert (project.versions_path, project.snapshots_path) == (
        str(tmp_path / "migrations"),
        str(tmp_path / "copies"),
    )


def test_an_old_name_that_agrees_is_no_matter(tmp_path):
    config = {"MIGRATIONS_VERSIONS": "versions", "MIGRATIONS_DIR": f"{tmp_path}/other/../versions/"}

    assert read(config, tmp_path).project.versions == "versions"


@pytest.mark.parametrize(
    ("config", "required"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"REQUIRED_SCHEMA_VERSION": 4}, 4, id="a number"),
        pytest.param({"REQUIRED_SCHEMA_VERSION": "4"}, 4, id="a number as text"),
        pytest.param({"VERSION_SCHEMA_MAP": {"1.0.0": 1, "1.1.0": 4}, "APPLICATION_VERSION": "1.1.0"}, 4, id="a map"),
        pytest.param(
            {"REQUIRED_SCHEMA_VERSION": 2, "VERSION_SCHEMA_MAP": {"1.0.0": 1}, "APPLICATION_VERSION": "9"},
            2,
            id="the number counts before the map",
        ),
        pytest.param({"APPLICATION_VERSION": "1.1.0"}, None, id="a version of the application alone"),
    ],
)
def test_the_version_that_is_required(config, required, tmp_path):
    assert read(config, tmp_path).required == required


# The file that SQLALCHEMY_DATABASE_URI means, below the folder of the application (…) or the instance folder (+).
@pytest.mark.parametrize(
    ("uri", "path", "label"),
    [
        ("sqlite:///app.sqlite", "+/app.sqlite", "instance/app.sqlite"),
        ("sqlite:///data/app.sqlite?timeout=10", "+/data/app.sqlite", "instance/data/app.sqlite"),
        ("sqlite+pysqlite:///app.sqlite", "+/app.sqlite", "instance/app.sqlite"),
        ("sqlite:///{}/data/app.sqlite", "…/data/app.sqlite", "data/app.sqlite"),
        ("sqlite+pysqlite:///{}/app.sqlite?check_same_thread=false&timeout=3", "…/app.sqlite", "app.sqlite"),
        ("sqlite:///a#b.sqlite", "+/a#b.sqlite", "instance/a#b.sqlite"),
    ],
)
@pytest.mark.parametrize("as_object", [False, True], ids=["text", "URL"])
def test_the_file_of_sqlalchemy(uri, path, label, as_object, tmp_path):
    base, instance = str(tmp_path), str(tmp_path / "instance")
    uri = uri.format(base)

    project = read_application(
        {"SQLALCHEMY_DATABASE_URI": make_url(uri) if as_object else uri}, base=base, instance_path=instance
    ).project

    database = project.open_database()
    assert database.path == os.path.realpath(path.replace("…", base).replace("+", instance))
    assert database.label == label.replace("/", os.sep)


@pytest.mark.parametrize("name", ["a b.sqlite", "a%20b.sqlite", "a?b.sqlite"])
@pytest.mark.parametrize("as_object", [False, True], ids=["text", "URL"])
def test_signs_in_a_name_mean_what_sqlalchemy_takes_them_for(name, as_object, tmp_path):
    """Whether it decodes %20 differs from one SQLAlchemy to the next: what it would open counts."""
    url = URL.create("sqlite", database=str(tmp_path / name))
    uri = url if as_object else str(url)

    project = read_application({"SQLALCHEMY_DATABASE_URI": uri}, base=str(tmp_path)).project

    meant = url.database if as_object else make_url(uri).database
    assert project.open_database().path == os.path.realpath(meant)


def test_a_blank_may_be_written_in_a_url_without_sqlalchemy_too(tmp_path):
    uri = f"sqlite:///{tmp_path}/a%20b.sqlite"
    script = (
        "import sys; from nukeworks_migrate.application import read_application;"
        f"found = read_application({{'SQLALCHEMY_DATABASE_URI': {uri!r}}}, base={str(tmp_path)!r});"
        "assert 'sqlalchemy' not in sys.modules;"
        "print(found.project.open_database().label)"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "a b.sqlite\n"


def test_a_database_outside_of_the_application_is_shown_whole(tmp_path):
    config = {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path}/data/app.sqlite"}

    project = read_application(config, base=str(tmp_path / "app")).project

    assert project.open_database().label == str(tmp_path / "data" / "app.sqlite")


@pytest.mark.parametrize(
    ("uri", "what"),
    [
        ("sqlite://", "SQLALCHEMY_DATABASE_URI names a database in memory, and that has no file to migrate"),
        ("sqlite:///", "SQLALCHEMY_DATABASE_URI names a database in memory, and that has no file to migrate"),
        ("sqlite:///:memory:", "SQLALCHEMY_DATABASE_URI names a database in memory, and that has no file to migrate"),
        (
            "sqlite:///file:shared?mode=memory&cache=shared&uri=true",
            "SQLALCHEMY_DATABASE_URI names a database in memory, and that has no file to migrate",
        ),
        (
            "sqlite:///file::memory:?cache=shared&uri=true",
            "SQLALCHEMY_DATABASE_URI names a database in memory, and that has no file to migrate",
        ),
        (
            "sqlite:///file:app.sqlite?mode=ro&uri=true",
            "SQLALCHEMY_DATABASE_URI is a file: URI, which is not read here",
        ),
        ("sqlite://data/app.sqlite", "SQLALCHEMY_DATABASE_URI names no file"),
        ("app.sqlite", "SQLALCHEMY_DATABASE_URI is no URL"),
        ("host=db password=secret", "SQLALCHEMY_DATABASE_URI is no URL"),
        (b"sqlite:///secret", "SQLALCHEMY_DATABASE_URI is no URL"),
        ("postgresql+psycopg://ann:secret@db/app", "postgresql+psycopg:// is no database that this version knows"),
        (
            URL.create("mysql+pymysql", "ann", "secret", "db", database="app"),
            "mysql+pymysql:// is no database that this version knows",
        ),
    ],
    ids=str,
)
def test_a_uri_that_names_no_file_is_refused_and_shows_no_password(uri, what, tmp_path):
    with pytest.raises(BadSetting) as failure:
        read_application({"SQLALCHEMY_DATABASE_URI": uri}, base=str(tmp_path), instance_path=str(tmp_path))

    error = failure.value
    assert error.what == what
    assert "secret" not in f"{error.what} {error.where} {error.cause} {error.next_step}"


def test_a_relative_uri_is_refused_where_flask_sqlalchemy_is_not_in_use(tmp_path):
    with pytest.raises(BadSetting) as failure:
        read_application({"SQLALCHEMY_DATABASE_URI": "sqlite:///app.sqlite"}, base=str(tmp_path))

    assert failure.value.what == (
        "SQLALCHEMY_DATABASE_URI is relative, and it is not known to which folder: app.sqlite"
    )
    assert failure.value.next_step == (
        "say it absolutely, or with MIGRATIONS_DATABASE, or initialise Flask-SQLAlchemy first"
    )


def test_no_database_at_all_names_the_settings_that_say_it(tmp_path):
    with pytest.raises(BadSetting) as failure:
        read_application({}, base=str(tmp_path))

    assert failure.value.what == "no database is named"
    assert failure.value.cause == (
        "the application's configuration has neither MIGRATIONS_DATABASE nor SQLALCHEMY_DATABASE_URI"
    )


def test_what_is_handed_in_counts_before_the_settings_and_ours_before_sqlalchemys(tmp_path):
    config = {"MIGRATIONS_DATABASE": "ours.sqlite", "SQLALCHEMY_DATABASE_URI": "sqlite://"}

    assert read_application(config, base=str(tmp_path)).project.database == "ours.sqlite"
    assert read_application(config, base=str(tmp_path), database="one.sqlite").project.database == "one.sqlite"


def test_code_and_data_may_lie_in_two_folders(tmp_path):
    code, data = tmp_path / "bundle", tmp_path / "program"

    project = read({}, code, data_base=str(data)).project

    assert project.versions_path == str(code / "versions")
    assert project.snapshots_path == str(data / "snapshots")
    assert project.open_database().path == os.path.realpath(data / "app.sqlite")
    assert (project.open_database().label, project.snapshots) == ("app.sqlite", "snapshots")


def test_one_setting_says_the_folder_for_both(tmp_path):
    config = {"MIGRATIONS_BASE": tmp_path / "here"}

    project = read(config, tmp_path / "bundle", data_base=str(tmp_path / "program")).project

    assert (project.base, project.versions) == (str(tmp_path / "here"), "versions")


def test_a_real_flask_sqlalchemy_application_and_the_migrations_mean_one_file(folder):
    """The instance folder is made by Flask-SQLAlchemy itself, and it is asked which file it has open."""
    folder.add_table("0001_one", "one")
    app = Flask("shop", root_path=str(folder.path), instance_path=str(folder.path / "instance"))
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///shop.sqlite?timeout=10"
    db = SQLAlchemy(app)

    application = read_application(app.config, base=str(folder.path), instance_path=app.instance_path)
    up(application.project)

    with app.app_context():
        (_, _, opened) = db.session.execute(text("PRAGMA database_list")).fetchone()
        assert db.session.execute(text("SELECT name FROM one")).scalar() == "one"
        db.session.remove()
        db.engine.dispose()
    assert os.path.samefile(opened, application.project.open_database().path)
    assert check(application.project).ok
    assert application.project.open_database().label == os.path.join("instance", "shop.sqlite")
