"""Who may use the dialog, and which requests are really theirs.

A page that anybody on the network could open, or that a foreign page could make a browser use, would hand them the
database. So every request has to name a host that is known (a name that an attacker lets point to this machine is
none), and the application has to say yes; one that changes something has to come from one of the dialog's own pages as
well: by the Origin that the browser writes, and by the token of its session that the page holds.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, request, session
from werkzeug.wrappers import Response

_OURS = "nukeworks_migrate_"  # how our keys of a session begin
_SESSION_KEY = f"{_OURS}form_token"
FORM_FIELD = "form_token"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: a browser would write "Origin: null" for the dialog's own forms, too.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Authorize = Callable[[], Any]  # True: yes; a response: that instead of the page; anything else: no


class Turned(Exception):
    """A request that is turned down, and what its page says."""

    def __init__(self, status: int, title: str, text: str, remedy: str = "") -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.text = text
        self.remedy = remedy  # for whoever runs the application


class Guard:
    """Decides for each request of the dialog; `hosts` and `origins` are known besides what the application says."""

    def __init__(
        self,
        app: Flask,
        authorize: Authorize | None,
        *,
        hosts: Iterable[str] = (),
        origins: Iterable[str] = (),
        only_hosts: bool = False,
    ) -> None:
        self._authorize = authorize
        self._hosts = {host.lower() for host in hosts}
        self._origins = {origin.lower().rstrip("/") for origin in origins}
        self._only_hosts = only_hosts  # and no address or SERVER_NAME besides them
        self._app = app

    def check_host(self) -> None:
        """Raise Turned where the Host that the browser was told is not known."""
        host = request.host.lower()
        name = _without_port(host)
        known = self._hosts if self._only_hosts else self._hosts | self._application_hosts()
        if host in known or name in known:
            return
        if not self._only_hosts and (name == "localhost" or _is_address(name)):
            return  # nobody can let a name point here without its being in the Host
        raise Turned(
            400,
            "This host is not known",
            f"The request was for {request.host!r}, and the migration dialog answers only under names that were said.",
            'Say the name: MIGRATIONS_HOSTS = ["app.example.com"], or SERVER_NAME.',
        )

    def check_authorized(self) -> Response | None:
        """Return what the application answers instead, if it does.

        Raises:
            Turned: it did not say yes, or nobody has said who may.
        """
        if self._authorize is None:
            raise Turned(
                403,
                "The migration dialog is closed",
                "Nobody has said who may use it.",
                "Hand in a function that says so: Migrations(app, authorize=lambda: current_user.is_admin)",
            )
        answer = self._authorize()
        if isinstance(answer, Response):
            return answer
        # A coroutine or a proxy is true as well: only a plain yes counts.
        if type(answer) in (bool, int) and answer:
            return None
        raise Turned(403, "You may not migrate this database", "The application says that you are not one who may.")

    def check_session(self) -> None:
        if not self._app.secret_key:
            raise Turned(
                503,
                "The migration dialog cannot be used",
                "Its forms are protected by the session, and the application has no SECRET_KEY.",
                "Set one: app.config['SECRET_KEY'] = …, from a place that is kept between restarts.",
            )

    def check_origin(self) -> None:
        """Raise Turned where a form was not sent by a page of this host."""
        origin = request.headers.get("Origin")
        if origin is None:
            # Browsers that leave it out for a form of the same site say that by this header.
            if request.headers.get("Sec-Fetch-Site") == "same-origin":
                return
            origin = "none"
        own = f"{request.scheme}://{request.host}".lower()
        if origin.lower() in {own, *self._origins}:
            return
        raise Turned(
            403,
            "This form came from somewhere else",
            f"Its origin is {origin[:200]!r}, and this page is {own!r}. Nothing was done.",
            "Behind a proxy: let the application know its own name (werkzeug's ProxyFix), or set MIGRATIONS_ORIGINS.",
        )

    def check_token(self) -> None:
        """Raise Turned where a form does not hold the token of this session."""
        expected = session.get(_SESSION_KEY)
        given = request.form.get(FORM_FIELD, "")
        if not isinstance(expected, str) or not hmac.compare_digest(expected.encode(), given.encode()):
            raise Turned(
                403,
                "This form is not valid any more",
                "It does not belong to your session: you may have logged in anew since the page was opened."
                " Nothing was done; go back to the overview and try again.",
            )

    def _application_hosts(self) -> set[str]:
        config = self._app.config
        trusted = config.get("TRUSTED_HOSTS") or ()
        named = [config.get("SERVER_NAME"), *((trusted,) if isinstance(trusted, str) else trusted)]
        return {name.lower() for name in named if isinstance(name, str) and not name.startswith(".")}


def form_token() -> str:
    """The token of this session's forms; made with the first of them."""
    token = session.get(_SESSION_KEY)
    if not isinstance(token, str):
        token = session[_SESSION_KEY] = secrets.token_urlsafe(32)
    return token


def session_mark() -> str:
    """What tells this user's session from the next one's in the same browser: all that the application keeps in it."""
    others = {
        str(key): repr(value)
        for key, value in session.items()
        if not str(key).startswith(_OURS) and key != "_flashes"  # which come and go
    }
    return hashlib.sha256(repr(sorted(others.items())).encode("utf-8", "backslashreplace")).hexdigest()


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
