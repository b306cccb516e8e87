"""`migrate ui`: the dialog on its own, for the person at this machine."""

from __future__ import annotations

import hmac
import logging
import os
import secrets
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from types import FrameType
from typing import Any

from flask import Flask, redirect, request, session, url_for
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from ..application import Application
from ..cli.errors import error_screen
from ..cli.text import called
from ..errors import Refused
from ..project import Project
from .dialog import Dialog, make_blueprint
from .guard import HEADERS, Guard, Turned
from .pages import BLUEPRINT, Pages
from .runs import Runs

ADDRESS = "127.0.0.1"
_PREFIX = "/migrations"
_SESSION_KEY = "nukeworks_migrate_entered"
_SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK")  # the last on Windows only: Ctrl-Break


class DialogServer:
    """Serves the dialog at 127.0.0.1 to whoever has the token of `url`, which lets in once.

    Raises:
        Refused: the port is taken, or not this person's to take.
    """

    def __init__(self, project: Project, port: int, say: Callable[[str], None]) -> None:
        self._token = secrets.token_urlsafe(32)
        self._entering = threading.Lock()
        self._spent = False
        self._session = secrets.token_urlsafe(32)  # what a session holds that was let in
        self._launch: Path | None = None
        self._say = say
        app = Flask(__name__, static_folder=None)
        app.logger.setLevel(logging.ERROR)
        with _listening(port) as listener:
            self._server: BaseWSGIServer = make_server(
                ADDRESS, port, app, threaded=True, request_handler=_Quiet, fd=listener.fileno()
            )
        self.port = self._server.port
        self._runs = Runs(say, lambda error: say(error_screen(error)))
        self._set_up(app, project)

    @property
    def url(self) -> str:
        """Where the dialog is, with the token that lets in once."""
        return f"{self._root}{_PREFIX}/enter?token={self._token}"

    @property
    def _root(self) -> str:
        return f"http://{ADDRESS}:{self.port}"

    def serve(self, *, browser: bool = False) -> None:
        """Answer requests until Ctrl-C or SIGTERM; a run that is under way then is waited for.

        Asked a second time, the program ends at once, with 130 or 143: the database undoes what was not committed.
        With `browser`, this person's browser is shown the dialog first.
        """
        with self._hearing() as heard:
            try:
                if browser:
                    self._write_launch_page()
                    # In a thread: one that runs in the terminal is waited for until it ends, and is to be served.
                    threading.Thread(target=self._open_browser, daemon=True).start()
                self._server.serve_forever(poll_interval=0.2)
            except KeyboardInterrupt:
                pass
            finally:
                self._server.server_close()
                self._forget_launch_page()
            self._wait_for_run(heard)

    @contextmanager
    def _hearing(self) -> Iterator[list[int]]:
        """Note signals: the first ends the serving, and what a second one does is decided where it is waited for.

        Only the main thread can hear them; elsewhere nothing is heard.
        """
        heard: list[int] = []
        if threading.current_thread() is not threading.main_thread():
            yield heard
            return

        def note(number: int, frame: FrameType | None) -> None:
            heard.append(number)
            if len(heard) == 1:
                raise KeyboardInterrupt

        numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
        before = {number: signal.signal(number, note) for number in numbers}
        try:
            yield heard
        finally:
            for number, handler in before.items():
                signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def _wait_for_run(self, heard: list[int]) -> None:
        if self._runs.current is None:
            return
        self._say("A run is under way: waiting until it has ended. Ctrl-C once more ends it here and now.")
        while self._runs.current is not None:
            self._runs.join(0.1)
            if len(heard) > 1:
                self._say(
                    "Stopped in the middle of a run. What it had not committed is undone when the database is opened"
                    f" next.\n{called('See where it stands: migrate status')}"
                )
                os._exit(128 + heard[-1])

    def _write_launch_page(self) -> None:
        """Write the page that the browser is given, and that leads to the address.

        Only this person can read it: what a program is started with can be read by everybody on this machine, and
        stands in its logs.
        """
        folder = Path(tempfile.mkdtemp(prefix="migrate-ui-"))  # 0700, as mkdtemp promises
        self._launch = folder / "open.html"
        url = escape(self.url, quote=True)
        with open(os.open(self._launch, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as page:
            page.write(
                "<!doctype html><html lang=en><meta charset=utf-8><title>Migrations</title>"
                f'<meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0; url={url}">'
            )

    def _open_browser(self) -> None:
        import webbrowser

        launch = self._launch
        try:
            opened = launch is not None and webbrowser.open(launch.as_uri())
        except (webbrowser.Error, OSError):
            opened = False
        if not opened and not self._spent:
            self._say("No browser could be opened: open the address yourself.")

    def _set_up(self, app: Flask, project: Project) -> None:
        app.secret_key = secrets.token_bytes(32)
        # Cookies are shared by all ports of a host, so each server has a name of its own.
        app.config["SESSION_COOKIE_NAME"] = f"nukeworks_migrate_{self.port}"
        app.config["SESSION_COOKIE_HTTPONLY"] = True
        app.config["SESSION_COOKIE_SAMESITE"] = "Lax"  # Strict would not be sent on the way from the terminal's link
        app.config["MAX_CONTENT_LENGTH"] = 64 * 1024
        hosts = {f"{name}:{self.port}" for name in (ADDRESS, "localhost")}
        if self.port == 80:  # which no browser says
            hosts |= {ADDRESS, "localhost"}
        dialog = Dialog(
            application=lambda: Application(project, None),
            guard=Guard(app, self._is_let_in, hosts=hosts, only_hosts=True),
            runs=self._runs,
            pages=Pages("migrate"),
        )
        blueprint = make_blueprint(dialog, _PREFIX)
        app.register_blueprint(blueprint)

        @app.before_request
        def keep_strangers_out() -> None:
            # Before the blueprint's own guard, and for addresses that are none, too: in the words of this program.
            if request.host.lower() not in hosts:
                raise Turned(
                    400,
                    "This host is not known",
                    f"The request was for {request.host!r}, and the dialog is at {ADDRESS}:{self.port} only.",
                    "Open the address that the terminal shows.",
                )
            if request.endpoint not in ("enter", f"{BLUEPRINT}.static") and not self._is_let_in():
                raise Turned(
                    403,
                    "This browser was not let in",
                    "The address that the terminal shows lets one browser in, once, until the server is stopped.",
                    "Open that address; or stop the server with Ctrl-C, and start it again: migrate ui",
                )

        @app.get(f"{_PREFIX}/enter")
        def enter() -> Any:
            self._let_in(request.args.get("token", ""))
            return redirect(url_for(f"{BLUEPRINT}.overview"), 303)

        @app.get("/")
        def root() -> Any:
            return redirect(url_for(f"{BLUEPRINT}.overview"), 303)

        @app.errorhandler(Turned)
        def turned(error: Turned) -> Any:
            return dialog.pages.render("turned.html", turned=error), error.status

        @app.after_request
        def headers(response: Any) -> Any:
            response.headers.update(HEADERS)
            response.headers.setdefault("Cache-Control", "no-store")
            return response

    def _is_let_in(self) -> bool:
        return hmac.compare_digest(str(session.get(_SESSION_KEY, "")).encode(), self._session.encode())

    def _let_in(self, token: str) -> None:
        """Let this browser in, if it has the token and is the first to come with it."""
        if self._is_let_in():
            return
        right = hmac.compare_digest(token.encode(), self._token.encode())
        with self._entering:
            first, self._spent = not self._spent, self._spent or right
        if not right or not first:
            raise Turned(
                403,
                "This address does not let you in",
                "It was used before: it lets one browser in, once."
                if right
                else "It does not hold the token that the terminal shows.",
                "Stop the server with Ctrl-C, and start it again: migrate ui",
            )
        session[_SESSION_KEY] = self._session
        self._forget_launch_page()

    def _forget_launch_page(self) -> None:
        if self._launch is not None:
            launch, self._launch = self._launch, None
            try:
                launch.unlink(missing_ok=True)
                os.rmdir(launch.parent)
            except OSError:
                pass  # an empty folder of a temporary file is no reason to say anything


class _Quiet(WSGIRequestHandler):
    """Writes no log of requests: one of them holds the token."""

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """A socket that listens at `port`, for as long as it takes to hand it on.

    The server could open one itself; but where it cannot, it says so in words of its own and exits.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        try:
            if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows, where SO_REUSEADDR lets in a second server
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:  # a port that was left a minute ago is free
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((ADDRESS, port))
            listener.listen()
        except OSError as error:
            raise Refused(
                f"the dialog cannot be served at {ADDRESS}:{port}",
                cause=error.strerror or str(error),
                unchanged="nothing was opened",
                next_step="take another port: migrate ui --port 0 takes any that is free",
            ) from error
        yield listener
