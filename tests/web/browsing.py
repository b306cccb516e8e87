"""The dialog as a browser sees it: pages that are parsed, forms that are sent, runs that are waited for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from flask import Flask, session
from flask.testing import FlaskClient
from support import Folder
from werkzeug.serving import make_server

from nukeworks_migrate.web import Migrations
from nukeworks_migrate.web.dialog import Dialog
from nukeworks_migrate.web.guard import FORM_FIELD

LONG_S = 30.0  # the end of every wait
ORIGIN = "http://localhost"  # where the test client is
STATIC = "/migrations/static/"


def is_ann() -> bool:
    return session.get("user") == "ann"


class Page(HTMLParser):
    """One answer, parsed: what can be read on it, its forms, its elements."""

    def __init__(self, response: Any) -> None:
        super().__init__(convert_charrefs=True)
        self.status = response.status_code
        self.headers = response.headers
        self.source = response.get_data(as_text=True)
        response.close()  # a file of ours is still open otherwise
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.forms: list[dict[str, Any]] = []
        self.facts: list[tuple[str, str]] = []  # what stands in lists of terms, with line ends
        self._words: list[str] = []
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.elements.append((tag, told))
        if tag == "dt":
            self._term = len(self._words)
        elif tag == "dd":
            self._said = len(self._words)
        elif tag == "form":
            self.forms.append({"action": told["action"], "fields": {}, "disabled": False})
        elif tag == "input" and self.forms:
            self.forms[-1]["fields"][told["name"]] = told["value"]
        elif tag == "button" and self.forms:
            self.forms[-1]["disabled"] = "disabled" in told

    def handle_endtag(self, tag: str) -> None:
        if tag == "dd":
            self.facts.append(("".join(self._words[self._term : self._said]), "".join(self._words[self._said :])))

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    @property
    def text(self) -> str:
        """What can be read, with one space for all that is between words."""
        return " ".join(" ".join(self._words).split())

    @property
    def raw(self) -> str:
        """What can be read, with its line ends."""
        return "".join(self._words)

    def form(self, action: str) -> dict[str, str]:
        """The fields of the first form that is sent to an address with this end, but for its token."""
        fields = next(form["fields"] for form in self.forms if form["action"].endswith(action))
        return {name: value for name, value in fields.items() if name != FORM_FIELD}

    def actions(self) -> list[str]:
        """Where the forms of the page are sent, without the prefix."""
        return [form["action"].removeprefix("/migrations") for form in self.forms]

    def links(self) -> set[str]:
        return {told["href"] or "" for tag, told in self.elements if tag in ("a", "link") and "href" in told}

    def dangers(self) -> list[str]:
        """What no page of ours may hold: code, styles, and addresses that are not its own."""
        found = []
        for tag, told in self.elements:
            if tag in ("script", "style", "iframe", "object", "embed", "base", "img") and not (
                tag == "script" and (told.get("src") or "").startswith(f"{STATIC}dialog.js")
            ):
                found.append(f"<{tag}>")
            for name, value in told.items():
                if name.startswith("on") or name in ("style", "srcdoc"):
                    found.append(f"{tag} {name}={value}")
                elif name in ("href", "src", "action", "formaction", "xlink:href", "poster", "data"):
                    address = value or ""
                    if not (address.startswith(("/migrations", "#")) or address == "/") or address.startswith("//"):
                        found.append(f"{tag} {name}={value}")
        found += [f"U+{ord(c):04X}" for c in self.source if not (c.isprintable() or c == "\n")]
        return found


class Browser:
    """A session with an application that has the dialog."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.client: FlaskClient = app.test_client()
        self.dialog: Dialog = app.extensions["nukeworks_migrate"]
        self._token = ""

    def log_in(self, name: str) -> Browser:
        answer = self.client.post("/login", data={"username": name, "password": "correct horse"})
        assert answer.status_code == 302
        self._token = ""
        return self

    def get(self, address: str = "/", **more: Any) -> Page:
        """A page of the dialog; `address` is without its prefix."""
        return Page(self.client.get(f"/migrations{address}", **more))

    def open(self, method: str, path: str, **more: Any) -> Page:
        """Ask for a whole path, by any method."""
        return Page(self.client.open(path, method=method, **more))

    def token(self) -> str:
        """The token of the session's forms, as a page holds it; not every page has a form just now."""
        if not self._token:
            pages = (self.get(address) for address in ("/", "/confirm", "/snapshots"))
            self._token = next((form["fields"][FORM_FIELD] for page in pages for form in page.forms), "")
        if not self._token:
            with self.client.session_transaction() as kept:
                self._token = kept.setdefault(
                    "nukeworks_migrate_form_token", "no page has a form, and so none was made"
                )
        return self._token

    def post(self, address: str, fields: dict[str, str] | None = None, **headers: str) -> Page:
        """Send a form as one of the dialog's pages does, with the token of this session."""
        data = {FORM_FIELD: self.token(), **(fields or {})}
        return Page(self.client.post(f"/migrations{address}", data=data, headers={"Origin": ORIGIN, **headers}))

    def begin(self, address: str, fields: dict[str, str] | None = None) -> str:
        """Begin a run; return its address, without the prefix."""
        page = self.post(address, fields)
        assert page.status == 303, page.text
        return page.headers["Location"].removeprefix("/migrations")

    def run(self, address: str, fields: dict[str, str] | None = None) -> Page:
        """Begin a run and wait for its end; return its page."""
        return self.end_of(self.begin(address, fields))

    def apply(self) -> Page:
        """Go through the page that asks, say yes, and wait for the end."""
        return self.run("/apply", {"plan": self.get("/confirm").form("/apply")["plan"]})

    def state(self, run: str) -> dict[str, Any]:
        answer = self.client.get(f"/migrations{run}/state")
        assert answer.status_code == 200
        return json.loads(answer.get_data(as_text=True), parse_constant=_refused)

    def end_of(self, run: str) -> Page:
        """Wait until the run at this address has ended; return its page."""
        self.wait_for(run, lambda state: state["state"] != "running")
        return self.get(run)

    def wait_for(self, run: str, condition: Any) -> dict[str, Any]:
        """Wait for a state of the run; return it."""
        end = time.monotonic() + LONG_S
        while not condition(state := self.state(run)):
            assert time.monotonic() < end, f"it stays like this: {state}"
            time.sleep(0.01)
        return state


class Gate:
    """What a migration waits for: a file that is made when it may go on."""

    def __init__(self, folder: Path) -> None:
        self._here, self._go = folder / "it-is-here", folder / "it-may-go-on"
        self.body = f"""
            import pathlib, time
            pathlib.Path({str(self._here)!r}).touch()
            end = time.monotonic() + {LONG_S}
            while not pathlib.Path({str(self._go)!r}).exists():
                assert time.monotonic() < end
                time.sleep(0.005)
            """

    def wait(self) -> None:
        """Wait until the migration has come here."""
        end = time.monotonic() + LONG_S
        while not self._here.exists():
            assert time.monotonic() < end, "no migration came to the gate"
            time.sleep(0.005)

    def open(self) -> None:
        self._go.touch()


def small_app(
    folder: Folder, authorize: Any = is_ann, *, settings: dict[str, Any] | None = None, **config: Any
) -> Flask:
    """A small application over the project in `folder`, with `settings`; whoever logs in as ann may use the dialog."""
    app = Flask("small")
    app.config.update(SECRET_KEY="for tests only", MIGRATIONS_AT_START="off")
    app.config.update(config)

    @app.route("/login", methods=["POST"])
    def login() -> Any:
        from flask import redirect, request

        session["user"] = request.form["username"]
        return redirect("/")

    @app.post("/logout")
    def logout() -> str:
        session.clear()
        return ""

    Migrations(
        app,
        authorize=authorize,
        project=folder.project(header_index=False, **{"lock_timeout_s": 5.0, **(settings or {})}),
    )
    return app


@contextmanager
def served(app: Flask) -> Iterator[int]:
    """Serve `app` at 127.0.0.1 by a real server, a thread for each request; yield its port."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
