"""`Migrations`: the Flask extension."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from flask import Flask

from ..application import Application, read_application, refuse_unknown, required_version
from ..errors import BadSetting
from ..project import Project
from ..version import __version__
from .guard import Authorize

if TYPE_CHECKING:
    from .run_book import RunBook
    from .start import StartPolicy

EXTENSION = "nukeworks_migrate"
_POLICIES = ("refuse", "warn", "dialog", "apply", "off")
_TEXTS = ("MIGRATIONS_HOSTS", "MIGRATIONS_ORIGINS", "MIGRATIONS_OPEN_ENDPOINTS")


class Migrations:
    """Ties a Flask application to its migrations: a check at start, commands, and the dialog under /migrations.

        Migrations(app, authorize=lambda: current_user.is_authenticated and current_user.is_admin)

    or, with a factory, `migrations = Migrations(authorize=…)` and `migrations.init_app(app)` once its settings are
    there. `authorize` is asked for each page of the dialog: True lets the request in, a response is sent instead, and
    anything else keeps it out. Without it the dialog is closed to everybody.

    The database and the folders are those of the settings MIGRATIONS_…, or SQLALCHEMY_DATABASE_URI; `project` says all
    of it at once instead. `resources` is what migrations may ask for by name.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        authorize: Authorize | None = None,
        project: Project | None = None,
        resources: Mapping[str, Any] | None = None,
    ) -> None:
        self._authorize = authorize
        self._project = project
        self._resources = resources
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Add commands and dialog to `app`, and look whether its database fits, as MIGRATIONS_AT_START says.

        Raises:
            BadSetting: a setting means nothing, or no database is named. Where `flask` loads the application, a
                ClickException that shows it: whoever typed the command sees words, and no traceback.
            StartRefused: the database does not fit, and the policy is not to start then; or with the policy apply the
                run failed, and its error is the cause.
        """
        try:
            self._tie_to(app)
        except BadSetting as error:
            from .start import ShownByFlask, is_loaded_by_flask

            if is_loaded_by_flask():
                raise ShownByFlask(error) from error
            raise

    def _tie_to(self, app: Flask) -> None:
        if EXTENSION in app.extensions:
            raise BadSetting(
                "Migrations was tied to this application twice",
                unchanged="nothing was opened",
                next_step="call Migrations(app), or init_app(app), once",
            )
        application = self._read_application(app)
        policy = _policy(app)
        texts = {name: _texts(app, name) for name in _TEXTS}
        prefix = _url_prefix(app)

        from .commands import add_commands
        from .dialog import Dialog, answer_before_application, make_blueprint
        from .guard import Guard
        from .pages import Pages
        from .runs import Runs
        from .start import PROGRAM, at_start, log_failure

        add_commands(app, lambda: application)
        dialog = Dialog(
            application=lambda: application,
            guard=Guard(app, self._authorize, hosts=texts["MIGRATIONS_HOSTS"], origins=texts["MIGRATIONS_ORIGINS"]),
            runs=Runs(app.logger.error, lambda error: log_failure(app, error), _run_book(application.project)),
            pages=Pages(PROGRAM, home=str(app.config.get("APPLICATION_ROOT") or "/")),
        )
        app.register_blueprint(make_blueprint(dialog, prefix))
        answer_before_application(app, dialog)
        app.extensions[EXTENSION] = dialog
        at_start(app, dialog, policy, open_endpoints=texts["MIGRATIONS_OPEN_ENDPOINTS"])

    def _read_application(self, app: Flask) -> Application:
        base, data_base = folders_of(app)
        if self._project is not None:
            if self._resources:
                raise BadSetting(
                    "Migrations was handed a project and resources",
                    cause="a project has its resources with it, and these would reach no migration",
                    unchanged="nothing was opened",
                    next_step="hand them to the project: Project(…, resources=…)",
                )
            refuse_unknown(app.config)
            return Application(self._project, required_version(app.config))
        return read_application(
            app.config,
            base=base,
            data_base=data_base,
            instance_path=app.instance_path if "sqlalchemy" in app.extensions else None,
            resources=self._resources,
        )


def _run_book(project: Project) -> RunBook:
    """Where the workers of this application tell each other of their runs."""
    from .run_book import RunBook

    return RunBook("\n".join((__version__, project.open_database().identity, project.versions_path)))


def folders_of(app: Flask) -> tuple[str, str]:
    """Return what relative paths mean in an application: the folder of its code, and that of its data.

    The folder of the application's module, or the one that its package lies in. In a frozen program the code is
    unpacked to a folder that may vanish with the process, so data lies beside the program itself.
    """
    root = app.root_path
    is_package = os.path.isfile(os.path.join(root, "__init__.py"))
    base = os.path.dirname(root) if is_package else root
    if getattr(sys, "frozen", False):
        return getattr(sys, "_MEIPASS", base), os.path.dirname(os.path.abspath(sys.executable))
    return base, base


def _policy(app: Flask) -> StartPolicy:
    from .start import StartPolicy

    said = app.config.get("MIGRATIONS_AT_START", "refuse")
    if said not in _POLICIES:
        raise BadSetting(
            f"MIGRATIONS_AT_START = {said!r} means nothing here",
            cause=f"expected: {', '.join(_POLICIES)}",
            unchanged="nothing was opened",
            next_step="correct the setting",
        )
    return StartPolicy(said)


def _url_prefix(app: Flask) -> str:
    prefix = app.config.get("MIGRATIONS_URL_PREFIX", "/migrations")
    if not isinstance(prefix, str) or not prefix.startswith("/") or prefix.endswith("/") or "<" in prefix:
        raise BadSetting(
            f"MIGRATIONS_URL_PREFIX = {prefix!r} means nothing here",
            cause="expected: a path with a slash before it and none behind, /migrations",
            unchanged="nothing was opened",
            next_step="correct the setting",
        )
    return prefix


def _texts(app: Flask, name: str) -> tuple[str, ...]:
    """A setting that lists texts; one text alone is a list of one."""
    said = app.config.get(name) or ()
    texts = (said,) if isinstance(said, str) else tuple(said) if isinstance(said, Iterable) else (said,)
    if not all(isinstance(text, str) for text in texts):
        raise BadSetting(
            f"{name} = {said!r} means nothing here",
            cause="expected: a list of texts",
            unchanged="nothing was opened",
            next_step="correct the setting",
        )
    return texts
