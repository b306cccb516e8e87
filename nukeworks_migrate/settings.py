"""Settings: from flags, environment and file, the first that says something counts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from .errors import BadSetting
from .project import Project, resource_factory


class Setting(NamedTuple):
    """One setting that flags, environment and files may give: its key, its kind, and the field it fills."""

    key: str
    kind: type
    field: str


SETTINGS = (
    Setting("database", str, "database"),
    Setting("versions", str, "versions"),
    Setting("snapshots", str, "snapshots"),
    Setting("lock_timeout", float, "lock_timeout_s"),
    Setting("out_of_order", str, "out_of_order"),
    Setting("snapshot", str, "snapshot"),
    Setting("snapshot_keep", int, "snapshot_keep"),
    Setting("snapshot_keep_days", float, "snapshot_keep_days"),
    Setting("snapshot_keep_bytes", int, "snapshot_keep_bytes"),
    Setting("snapshot_max_bytes", int, "snapshot_max_bytes"),
    Setting("header_index", bool, "header_index"),
    Setting("redact", tuple, "redact"),
    Setting("resource", tuple, "resource_factories"),
)
# Settings of the command line itself, which a file or the environment may give too.
FACE_SETTINGS = (
    Setting("yes", bool, "yes"),
    Setting("json", bool, "json"),
    Setting("verbose", int, "verbose"),
    Setting("quiet", bool, "quiet"),
    Setting("no_color", bool, "no_color"),
)
_TRUTH = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}
_KNOWN = {setting.key: setting for setting in (*SETTINGS, *FACE_SETTINGS)}
_SECTION = "nukeworks_migrate"
ENVIRONMENT_PREFIX = "NUKEWORKS_MIGRATE_"


class Settings(NamedTuple):
    """What was set, and where: `values` by key; relative paths mean `base`, or the current folder for flags."""

    values: Mapping[str, Any]
    base: str  # the folder of the settings file; the current one where there is none
    source: str = ""  # the settings file as it is shown; empty where there is none
    within: Project | None = None  # the project of the program that has this one inside; `values` stand over it

    def project(self, **more: Any) -> Project:
        """Return the project that these settings describe.

        Raises:
            BadSetting: no database is named.
        """
        if self.within is not None:
            return _project_over(self.within, self.values)
        if "database" not in self.values:
            raise BadSetting(
                "no database is named",
                cause=f"neither --database, {ENVIRONMENT_PREFIX}DATABASE nor a settings file"
                f"{f' ({self.source})' if self.source else ''} says which",
                unchanged="nothing was opened",
                next_step="migrate --database data/app.sqlite …, or in pyproject.toml:"
                '\n[tool.nukeworks_migrate]\ndatabase = "data/app.sqlite"',
            )
        given = {s.field: self.values[s.key] for s in SETTINGS if s.key in self.values}
        return Project(base=self.base, **given, **more)


def read_settings(flags: Mapping[str, Any], environment: Mapping[str, str], folder: str) -> Settings:
    """Put flags, environment and the settings file together; the first that says something counts.

    The file is the one that `config` names, or the nearest pyproject.toml or setup.cfg, from `folder` upwards,
    that has a section for this tool.

    Raises:
        BadSetting: an unknown key or variable, a value of the wrong kind, a file that cannot be read.
    """
    given = dict(flags)
    named = given.pop("config", None) or environment.get(ENVIRONMENT_PREFIX + "CONFIG")
    path, section = _read_named(os.path.join(folder, named)) if named else _find_section(folder)
    base = os.path.dirname(path) if path is not None else folder
    values: dict[str, Any] = {}
    for key, value in section.items():
        setting = _known(key, f"in {path}")
        values[setting.key] = converted(setting, value, f"{key} in {path}")
    for variable, text in environment.items():
        if variable.startswith(ENVIRONMENT_PREFIX) and variable != ENVIRONMENT_PREFIX + "CONFIG" and text:
            setting = _known(variable.removeprefix(ENVIRONMENT_PREFIX).lower(), f"(the variable {variable})")
            value = _anchored(setting.key, converted(setting, text, variable), folder, base)
            values[setting.key] = _over(setting.key, value, values)
    for key, value in given.items():
        values[key] = _over(key, _anchored(key, value, folder, base), values)
    return Settings(values, base, path or "")


def settings_within(
    project: Project, flags: Mapping[str, Any], environment: Mapping[str, str], folder: str
) -> Settings:
    """Put flags over the project of a program that has this one inside.

    No settings file is looked for, and of the environment count the settings of the command line itself alone:
    the others may name another database.

    Raises:
        BadSetting: a value of the wrong kind, or a flag that names a settings file.
    """
    if "config" in flags:
        raise BadSetting(
            "--config names a settings file, and here the application says what is set",
            unchanged="nothing was opened",
            next_step="leave it out, or say what is meant by flags, --versions for one",
        )
    values: dict[str, Any] = {}
    for setting in FACE_SETTINGS:
        variable = ENVIRONMENT_PREFIX + setting.key.upper()
        if text := environment.get(variable):
            values[setting.key] = converted(setting, text, variable)
    for key, value in flags.items():
        values[key] = _anchored(key, value, folder, project.base)
    return Settings(values, project.base, within=project)


def _project_over(project: Project, values: Mapping[str, Any]) -> Project:
    """`project` with what `values` say in its place; `project` itself where they say nothing."""
    given = {setting.field: values[setting.key] for setting in SETTINGS if setting.key in values}
    if not given:
        return project
    fields = {setting.field: getattr(project, setting.field) for setting in SETTINGS}
    factories = tuple(f"{name}={factory}" for name, factory in project.resource_factories.items())
    said = _over("resource", values.get("resource", ()), {"resource": factories})
    # What is handed in counts before a factory, but not before a flag.
    flagged = {resource_factory(entry)[0] for entry in values.get("resource", ())}
    resources = {name: value for name, value in project.resources.items() if name not in flagged}
    return Project(base=project.base, resources=resources, **{**fields, **given, "resource_factories": said})


def _anchored(key: str, value: Any, folder: str, base: str) -> Any:
    """A path from a flag means the current folder, also where the settings file lies elsewhere."""
    if folder == base or key not in ("database", "versions", "snapshots"):
        return value
    prefix = "sqlite:///" if key == "database" and value.lower().startswith("sqlite:///") else ""
    rest = value[len(prefix) :]
    if (key == "database" and "://" in rest) or os.path.isabs(rest):
        return value
    return prefix + os.path.relpath(os.path.join(folder, rest), base)


def _over(key: str, value: Any, before: Mapping[str, Any]) -> Any:
    """What counts now: `value`; of resources, what was said before of names that are not in it counts, too."""
    if key != "resource":
        return value
    named = {resource_factory(entry)[0] for entry in value}
    return (*(entry for entry in before.get(key, ()) if resource_factory(entry)[0] not in named), *value)


def _known(key: str, where: str) -> Setting:
    setting = _KNOWN.get(key.replace("-", "_"))
    if setting is None:
        from difflib import get_close_matches  # 3 ms, and only for a message

        close = get_close_matches(key, _KNOWN, n=1)
        raise BadSetting(
            f"unknown setting {key!r} {where}",
            cause=f"known are: {', '.join(sorted(_KNOWN))}",
            unchanged="nothing was opened",
            next_step=f"did you mean {close[0]}?" if close else "take it out, or correct its name",
        )
    return setting


def converted(setting: Setting, value: Any, where: str) -> Any:
    """Return `value` as `setting` needs it: what is text in the environment or a file may be a number here.

    Raises:
        BadSetting: it is of the wrong kind; the message says `where` it was said.
    """
    try:
        if setting.kind is bool:
            if isinstance(value, bool):
                return value
            return _TRUTH[str(value).strip().lower()]
        if setting.kind is tuple:
            names = value.replace(",", " ").split() if isinstance(value, str) else value
            if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
                raise TypeError
            if setting.key == "resource":
                for entry in names:
                    resource_factory(entry)
            return tuple(names)
        if setting.kind is str:
            if not isinstance(value, str):
                raise TypeError
            return value
        if isinstance(value, bool) or (setting.kind is int and isinstance(value, float)):
            raise TypeError
        return setting.kind(value)
    except (ValueError, TypeError, KeyError):
        if setting.key == "resource":  # which is not shown: somebody may have written the secret itself there
            raise BadSetting(
                f"{where} does not name factories",
                cause="expected: NAME=module:factory, as a list or with commas between",
                unchanged="nothing was opened",
                next_step="correct the value",
            ) from None
        kinds = {
            bool: "true or false",
            str: "a text",
            int: "a whole number",
            float: "a number",
            tuple: "names, as a list or with commas between",
        }
        raise BadSetting(
            f"{where} is {value!r}",
            cause=f"expected: {kinds[setting.kind]}",
            unchanged="nothing was opened",
            next_step="correct the value",
        ) from None


def _find_section(folder: str) -> tuple[str | None, Mapping[str, Any]]:
    place, above = folder, ""
    while place != above:
        found = [
            (path, section)
            for name in ("pyproject.toml", "setup.cfg")
            if (section := _section_of(path := os.path.join(place, name))) is not None
        ]
        if len(found) > 1:
            raise BadSetting(
                f"{place} has settings in pyproject.toml and in setup.cfg",
                unchanged="nothing was opened",
                next_step="keep one of the two sections",
            )
        if found:
            return found[0]
        place, above = os.path.dirname(place), place
    return None, {}


def _read_named(path: str) -> tuple[str, Mapping[str, Any]]:
    section = _section_of(path)
    if section is None:
        raise BadSetting(
            f"{path} has no section for this tool" if os.path.isfile(path) else f"there is no file {path}",
            unchanged="nothing was opened",
            next_step="it needs [tool.nukeworks_migrate] (TOML) or [nukeworks_migrate] (INI); or correct --config",
        )
    return path, section


def _section_of(path: str) -> Mapping[str, Any] | None:
    """The tool's section of a TOML or INI file; None where there is none.

    The parsers cost milliseconds at start-up, so a file that does not even hold the name is not parsed.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if os.path.isdir(path):
            return None
        # Passing it over could mean another file, upwards, and so another database.
        raise BadSetting(
            f"{path} cannot be read",
            cause=error.strerror or str(error),
            unchanged="nothing was opened",
            next_step="make it readable, or name another one: --config",
        ) from error
    if _SECTION.encode() not in content:
        return None
    try:
        text = content.decode("utf-8")
        if path.endswith(".toml"):
            import tomllib

            section = tomllib.loads(text).get("tool", {}).get(_SECTION)
            if section is not None and not isinstance(section, dict):
                raise ValueError(f"tool.{_SECTION} is {section!r}, and should be a table")
            return section
        import configparser

        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(text)
        return dict(parser[_SECTION]) if parser.has_section(_SECTION) else None
    except Exception as error:  # configparser.Error is no ValueError, and importing it costs what is saved here
        raise BadSetting(
            f"{path} cannot be read",
            cause=str(error),
            unchanged="nothing was opened",
            next_step="correct the file",
        ) from error
