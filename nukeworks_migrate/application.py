"""What an application says in its configuration, Flask's `app.config` or any mapping: where things are, and which
version it was written for."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from .errors import BadSetting
from .project import Project
from .settings import SETTINGS, Setting, converted

PREFIX = "MIGRATIONS_"
# Keys that the faces read for themselves: known here, so that a misspelt one is found.
FACE_KEYS = ("AT_START", "URL_PREFIX", "HOSTS", "ORIGINS", "OPEN_ENDPOINTS")
# What the hand-made system before called these two.
OLD_NAMES = {"versions": "MIGRATIONS_DIR", "snapshots": "SNAPSHOT_DIR"}
_PATHS = ("database", "versions", "snapshots")
_REQUIRED = Setting("required", int, "required")
# Drivers of SQLAlchemy that open plain SQLite files.
_SQLITE_SCHEMES = ("sqlite", "sqlite+pysqlite", "sqlite+aiosqlite")
_URI = "SQLALCHEMY_DATABASE_URI"
_UNCHANGED = "nothing was opened"


class Application(NamedTuple):
    """What an application is to its migrations."""

    project: Project
    required: int | None  # the version that it was written for; None where it wants all that its files hold


def read_application(
    config: Mapping[str, Any],
    *,
    base: str,
    data_base: str | None = None,
    database: str | None = None,
    instance_path: str | None = None,
    resources: Mapping[str, Any] | None = None,
) -> Application:
    """Return what `config` says; a value of None counts as not said.

    The settings of the command line are its keys, in capitals behind MIGRATIONS_. Relative paths mean `base` for
    versions, and `data_base` for database and snapshots; without that, `base` too. `database` counts before what
    `config` says. `instance_path` is Flask's where Flask-SQLAlchemy is in use: relative SQLALCHEMY_DATABASE_URIs mean
    it. `resources` count before those of `config`.

    Raises:
        BadSetting: a key or a value means nothing, two of them disagree, or no database is named.
    """
    said = {key: value for key, value in config.items() if isinstance(key, str) and value is not None}
    refuse_unknown(said)
    if "MIGRATIONS_BASE" in said:
        base = data_base = os.path.join(base, _text(said["MIGRATIONS_BASE"], "MIGRATIONS_BASE"))
    base, data_base = os.path.abspath(base), os.path.abspath(data_base or base)
    given = {
        setting.field: _value(setting, said[PREFIX + setting.key.upper()])
        for setting in SETTINGS
        if PREFIX + setting.key.upper() in said
    }
    for field, old in OLD_NAMES.items():
        if old in said:
            folder = base if field == "versions" else data_base
            given[field] = _agreed(given.get(field), _text(said[old], old), field, folder)
    given["database"] = database or given.get("database") or _sqlalchemy_database(said, instance_path, data_base)
    if base != data_base:
        # One base is enough for a project, so versions are said from the root. In a program that PyInstaller has made
        # they lie in a temporary folder that vanishes when it ends; the database does not, and snapshots must not.
        given["versions"] = os.path.join(base, given.get("versions", "versions"))
    project = Project(base=data_base, resources={**_resources(said), **(resources or {})}, **given)
    project.open_database()  # refuses what names no file; opens nothing
    return Application(project, required_version(said))


def _value(setting: Setting, value: Any) -> Any:
    name = PREFIX + setting.key.upper()
    return _text(value, name) if setting.key in _PATHS else converted(setting, value, name)


def _text(value: Any, name: str) -> str:
    """A path, however it was said."""
    text: str = converted(Setting(name, str, name), os.fspath(value) if isinstance(value, os.PathLike) else value, name)
    return text


def refuse_unknown(said: Mapping[str, Any]) -> None:
    """Raise BadSetting for a key that begins as ours do, and is none of them."""
    known = [PREFIX + setting.key.upper() for setting in SETTINGS]
    known += [*(PREFIX + key for key in FACE_KEYS), "MIGRATIONS_DIR", "MIGRATIONS_BASE", "MIGRATIONS_RESOURCES"]
    for key in said:
        if key.startswith(PREFIX) and key not in known:
            from difflib import get_close_matches  # 3 ms, and only for a message

            close = get_close_matches(key, known, n=1)
            raise BadSetting(
                f"unknown setting {key} in the application's configuration",
                cause=f"known are: {', '.join(sorted(known))}",
                unchanged=_UNCHANGED,
                next_step=f"did you mean {close[0]}?" if close else "take it out, or correct its name",
            )


def _agreed(new: str | None, old: str, field: str, base: str) -> str:
    """The folder that is said under two names; refused where they mean two."""
    if new is None:
        return old
    if _same_folder(new, old, base):
        return new
    raise BadSetting(
        f"{PREFIX}{field.upper()} and {OLD_NAMES[field]} name two folders",
        cause=f"{new} and {old}",
        unchanged=_UNCHANGED,
        next_step=f"say one of them; {OLD_NAMES[field]} is the old name",
    )


def _same_folder(one: str, other: str, base: str) -> bool:
    paths = [os.path.normcase(os.path.normpath(os.path.join(base, path))) for path in (one, other)]
    return paths[0] == paths[1]


def _sqlalchemy_database(said: Mapping[str, Any], instance_path: str | None, data_base: str) -> str:
    """The file that SQLALCHEMY_DATABASE_URI means, as a path."""
    if _URI not in said:
        raise BadSetting(
            "no database is named",
            cause=f"the application's configuration has neither MIGRATIONS_DATABASE nor {_URI}",
            unchanged=_UNCHANGED,
            next_step="set one of them: MIGRATIONS_DATABASE = 'data/app.sqlite'",
        )
    scheme, path, options = _parts(said[_URI])
    if scheme.lower() not in _SQLITE_SCHEMES:
        return f"{scheme}://"  # which Project.open_database refuses; the rest may hold a password
    if path in ("", ":memory:") or (path.startswith("file:") and ("mode=memory" in options or ":memory:" in path)):
        raise BadSetting(
            f"{_URI} names a database in memory, and that has no file to migrate",
            cause="it is gone when the program ends, and has no second connection",
            unchanged=_UNCHANGED,
            next_step="name the file that is migrated with MIGRATIONS_DATABASE; for a test, one in a temporary folder",
        )
    if path.startswith("file:"):
        raise BadSetting(
            f"{_URI} is a file: URI, which is not read here",
            unchanged=_UNCHANGED,
            next_step="name the same file as a path with MIGRATIONS_DATABASE",
        )
    if os.path.isabs(path):
        return _short(path, data_base)
    if instance_path is None:
        raise BadSetting(
            f"{_URI} is relative, and it is not known to which folder: {path}",
            cause="Flask-SQLAlchemy means the instance folder, and is not in use yet",
            unchanged=_UNCHANGED,
            next_step="say it absolutely, or with MIGRATIONS_DATABASE, or initialise Flask-SQLAlchemy first",
        )
    return _short(os.path.join(instance_path, path), data_base)


def _parts(uri: Any) -> tuple[str, str, str]:
    """Scheme, file and options of a URL, as a text or as SQLAlchemy's own kind.

    Whether `%20` is a blank in there differs from one SQLAlchemy to the next, so it is asked where there is one.
    """
    if isinstance(uri, str) and "%" in uri and (engine := sys.modules.get("sqlalchemy.engine")) is not None:
        with suppress(Exception):  # its own error, with all of the URL in it
            uri = engine.make_url(uri)
    if hasattr(uri, "drivername") and hasattr(uri, "database"):
        options = "&".join(f"{name}={value}" for name, value in uri.query.items())
        return uri.drivername, uri.database or "", options
    if not isinstance(uri, str) or "://" not in uri:
        raise BadSetting(  # without the value, in which a password may stand
            f"{_URI} is no URL",
            cause="expected: sqlite:///path",
            unchanged=_UNCHANGED,
            next_step="correct it, or name the file with MIGRATIONS_DATABASE",
        )
    scheme, _, rest = uri.partition("://")
    path, _, options = rest.removeprefix("/").partition("?")
    if scheme.lower() in _SQLITE_SCHEMES and rest and not rest.startswith("/"):
        raise BadSetting(
            f"{_URI} names no file",
            cause="three slashes stand before a path, and four before one from the root",
            unchanged=_UNCHANGED,
            next_step=f"write sqlite:///{path}",
        )
    if "%" in path and not os.path.exists(path):
        from urllib.parse import unquote

        path = unquote(path)
    return scheme, path, options


def _short(path: str, base: str) -> str:
    """`path` as it is shown: relative where it lies below `base`."""
    path = os.path.abspath(path)
    folder = os.path.join(base, "")
    return path[len(folder) :] if path.startswith(folder) else path


def _resources(said: Mapping[str, Any]) -> dict[str, Any]:
    found = said.get("MIGRATIONS_RESOURCES", {})
    if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
        # The value is not shown: it may hold the secrets themselves.
        raise BadSetting(
            "MIGRATIONS_RESOURCES is no mapping of names",
            cause="expected: {'confidential_key': key}",
            unchanged=_UNCHANGED,
            next_step="correct the value; what names factories is MIGRATIONS_RESOURCE",
        )
    return dict(found)


def required_version(config: Mapping[str, Any]) -> int | None:
    """Return the version that the application says it needs; None where it wants all that its files hold.

    The old system could look it up by the application's own version, too.

    Raises:
        BadSetting: what it says means nothing.
    """
    if config.get("REQUIRED_SCHEMA_VERSION") is not None:
        return _version(config["REQUIRED_SCHEMA_VERSION"], "REQUIRED_SCHEMA_VERSION")
    versions = config.get("VERSION_SCHEMA_MAP")
    if versions is None:
        return None
    own = config.get("APPLICATION_VERSION")
    if isinstance(versions, Mapping) and own in versions:
        return _version(versions[own], f"VERSION_SCHEMA_MAP[{own!r}]")
    if not isinstance(versions, Mapping):
        what, cause = f"VERSION_SCHEMA_MAP is {versions!r}", "expected: {'1.0.0': 1, …}"
    elif own is None:
        what, cause = "VERSION_SCHEMA_MAP says nothing without APPLICATION_VERSION", "there is no APPLICATION_VERSION"
    else:
        what = f"VERSION_SCHEMA_MAP does not hold the application's version {own!r}"
        cause = f"it holds {', '.join(map(repr, versions)) or 'nothing'}"
    raise BadSetting(
        what,
        cause=cause,
        unchanged=_UNCHANGED,
        next_step="correct it, or say the version that is required with REQUIRED_SCHEMA_VERSION",
    )


def _version(value: Any, name: str) -> int:
    version: int = converted(_REQUIRED, value, name)
    return version
