"""The pages of the dialog as HTML: our templates, in an environment of their own.

The application's own template environment is not used: its context processors ask the database, which may not be fit
for them yet.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jinja2
from flask import current_app, request, url_for

from ..cli.text import called, printable
from ..version import __version__
from .guard import FORM_FIELD, form_token

BLUEPRINT = "migrations"
FOLDER = Path(__file__).parent
_NOT_IN_HTML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


class Pages:
    """Renders pages; `program` is what is typed before a command: migrate, or flask migrations."""

    def __init__(self, program: str, *, home: str = "") -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._home = home
        self._environment.filters["commands"] = lambda text: called(str(text), program)
        self._environment.globals.update(
            link=_link,
            static=_static,
            form_token=form_token,
            form_field=FORM_FIELD,
            foreign_token=_foreign_token,
            version=__version__,
        )

    def render(self, name: str, **values: Any) -> str:
        # Where the server has put the application below a path of its own, that is where it begins.
        home = f"{request.script_root}/" if self._home and request.script_root else self._home
        page = self._environment.get_template(name).render(home=home, **values)
        # Characters that no document may hold would end it early in some browsers.
        return _NOT_IN_HTML.sub("\N{REPLACEMENT CHARACTER}", page)


def _shown(value: Any) -> Any:
    """What a template puts in, without marks that turn the direction of writing and the like, wherever it is from."""
    return printable(value, lines=True) if type(value) is str else value  # not Markup, which is ours


def _foreign_token() -> dict[str, str] | None:
    """What Flask-WTF's CSRFProtect wants to find in every form of the application, where that is in use."""
    make = current_app.jinja_env.globals.get("csrf_token")
    if "csrf" not in current_app.extensions or not callable(make):
        return None
    return {"name": str(current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token")), "value": str(make())}


def _link(endpoint: str, **values: Any) -> str:
    return url_for(f"{BLUEPRINT}.{endpoint}", **values)


def _static(file: str) -> str:
    return url_for(f"{BLUEPRINT}.static", filename=file, v=__version__)
