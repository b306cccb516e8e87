"""Programs that serve pages, really started, and a browser that knows no more than HTTP and its cookies."""

from __future__ import annotations

import html
import http.client
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from support import MIGRATE, Folder, environment

LONG_S = 60.0  # the end of every wait
TOKEN = re.compile(r'name="form_token" value="([^"]+)"')


@dataclass
class Page:
    status: int
    text: str  # as it came
    headers: http.client.HTTPMessage
    address: str  # the path that answered, where redirects led

    @property
    def words(self) -> str:
        """What a person reads: without marks, and with one space where there were many."""
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", self.text)).split())


@dataclass
class Browser:
    """One person's browser, at the server of one port."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, *, follow: bool = True, **headers: str) -> Page:
        page = self.send("GET", path, **headers)
        while follow and page.status in (302, 303, 307, 308):
            page = self.send("GET", page.headers["Location"])
        return page

    def post(self, path: str, origin: str = "", *, follow: bool = True, **fields: str) -> Page:
        """Send a form as one of the dialog's pages does; `fields` has the token, too."""
        origin = origin or f"http://127.0.0.1:{self.port}"
        page = self.send("POST", path, urlencode(fields), Origin=origin)
        return self.get(page.headers["Location"]) if follow and page.status == 303 else page

    def submit(self, page: Page, path: str, **fields: str) -> Page:
        """Press the button of the form on `page` that leads to `path`."""
        assert f'action="{path}"' in page.text, page.text
        token = TOKEN.search(page.text)
        assert token is not None
        return self.post(path, form_token=token[1], **fields)

    def send(self, method: str, path: str, body: str | None = None, **headers: str) -> Page:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONG_S)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8")
        finally:
            connection.close()
        for cookie in answer.headers.get_all("Set-Cookie", ()):
            name, _, rest = cookie.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        return Page(answer.status, text, answer.headers, path)

    def after_run(self, page: Page) -> Page:
        """Wait until the run that `page` shows has ended, and return its page then."""
        assert page.status == 200 and "/runs/" in page.address, page.words
        end = time.monotonic() + LONG_S
        while '"state": "running"' in self.get(f"{page.address}/state").text:
            assert time.monotonic() < end, "the run did not end"
            time.sleep(0.02)
        return self.get(page.address)


class Program:
    """A program that runs while the test goes on; what it says goes to files."""

    def __init__(self, words: list[str], folder: Folder, place: Path, variables: dict[str, str]) -> None:
        place.mkdir(parents=True, exist_ok=True)
        self._out, self._err = place / "stdout", place / "stderr"
        with open(self._out, "wb") as out, open(self._err, "wb") as err:
            self.popen = subprocess.Popen(
                words,
                cwd=folder.path,
                env={**environment(folder), **variables},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    @property
    def stdout(self) -> str:
        return self._out.read_bytes().decode("utf-8", "replace")

    @property
    def stderr(self) -> str:
        return self._err.read_bytes().decode("utf-8", "replace")

    def wait_until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until `condition` holds, and return what it said; the program has to be alive until then."""
        end = time.monotonic() + LONG_S
        while not (found := condition()):
            ended = self.popen.poll() is not None
            if (ended and not condition()) or time.monotonic() > end:
                raise AssertionError(f"waited until {what}\n{self.stdout}\n{self.stderr}")
            time.sleep(0.01)
        return found

    def end(self) -> int:
        """Wait for its end and return its exit code."""
        try:
            return self.popen.wait(LONG_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end\n{self.stdout}\n{self.stderr}") from None


@contextmanager
def program(words: list[str], folder: Folder, place: Path, **variables: str) -> Iterator[Program]:
    """Start a program in `folder`; it does not outlive the test."""
    started = Program(words, folder, place, variables)
    try:
        yield started
    finally:
        if started.popen.poll() is None:
            started.popen.kill()
            started.popen.wait(LONG_S)


@dataclass
class Dialog:
    """A `migrate ui` that is served."""

    program: Program
    url: str

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port

    @property
    def way_in(self) -> str:
        """The path with the token."""
        return self.url.partition(f":{self.port}")[2]

    @property
    def token(self) -> str:
        return self.url.partition("token=")[2]

    def enter(self) -> Browser:
        """The browser that is let in."""
        browser = Browser(self.port)
        page = browser.get(self.way_in)
        assert page.status == 200 and page.address == "/migrations/", page.words
        return browser


@contextmanager
def ui(folder: Folder, *words: str, browser: bool = False, **variables: str) -> Iterator[Dialog]:
    """`migrate ui` in a process of its own, once it has said its address."""
    call = [*MIGRATE, "ui", *([] if browser else ["--no-browser"]), *words]
    with program(call, folder, folder.path.parent / f"said-{time.monotonic_ns()}", **variables) as started:
        found = started.wait_until(lambda: re.search(r"^dialog +(\S+)$", started.stdout, re.MULTILINE), "it is served")
        yield Dialog(started, found[1])


FLASK = [sys.executable, "-m", "flask"]
