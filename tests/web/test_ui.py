"""`migrate ui`: the dialog on its own, in a real process, and whom it lets in."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest
from faults.processes import POSIX_ONLY, WAIT
from support import Folder, environment, integrity
from web.starting import TOKEN, Browser, ui

from nukeworks_migrate import up

# Every address that GET answers, with what stands for the parts of an address.
ADDRESSES = (
    "/",
    "/migrations/",
    "/migrations/confirm",
    "/migrations/history",
    "/migrations/history/1",
    "/migrations/graph",
    "/migrations/snapshots",
    "/migrations/snapshots/none/restore",
    "/migrations/runs/none",
    "/migrations/runs/none/state",
    "/migrations/runs/none/events",
)
FORMS = (
    "/migrations/rehearse",
    "/migrations/apply",
    "/migrations/resume",
    "/migrations/snapshots/verify",
    "/migrations/snapshots/restore",
)


@pytest.fixture
def two(folder):
    """One migration that is applied, one that is pending."""
    folder.add_table("0001_clients", "clients")
    up(folder.project())
    folder.add_table("0002_contacts", "contacts")
    return folder


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A dialog that is served to the one browser that was let in; nothing is run in it."""
    folder = Folder(tmp_path_factory.mktemp("served") / "project")
    folder.add_table("0001_clients", "clients")
    with ui(folder) as dialog:
        dialog.folder = folder
        dialog.browser = dialog.enter()
        yield dialog


# --- who is let in


def test_the_address_lets_one_browser_in_once(two):
    with ui(two) as dialog:
        first, second = Browser(dialog.port), Browser(dialog.port)

        wrong = second.get("/migrations/enter?token=" + dialog.token[::-1])
        none = second.get("/migrations/enter")
        entered = first.get(dialog.way_in)
        late = second.get(dialog.way_in)
        again = first.get(dialog.way_in)

    assert (wrong.status, none.status) == (403, 403)
    assert "It does not hold the token that the terminal shows." in wrong.words
    assert (entered.status, entered.address) == (200, "/migrations/")
    assert "0002_contacts" in entered.words
    assert late.status == 403
    assert "It was used before: it lets one browser in, once." in late.words
    assert "migrate ui" in late.words
    assert (again.status, again.address) == (200, "/migrations/")


def test_of_many_browsers_at_once_one_is_let_in(two):
    import threading

    with ui(two) as dialog:
        browsers = [Browser(dialog.port) for _ in range(8)]
        start, found = threading.Barrier(8), []

        def come(browser):
            start.wait()
            found.append(browser.get(dialog.way_in, follow=False).status)

        threads = [threading.Thread(target=come, args=(browser,)) for browser in browsers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(found) == [303] + [403] * 7


def test_the_list_of_addresses_above_is_whole():
    from flask import Flask

    from nukeworks_migrate.web.dialog import make_blueprint

    app = Flask(__name__)
    app.register_blueprint(make_blueprint(SimpleNamespace(pages=None, runs=None), "/migrations"))
    rules = [rule for rule in app.url_map.iter_rules() if not rule.endpoint.endswith("static")]
    parts = {"version": 1, "run_id": "none", "snapshot_id": "none"}
    adapter = app.url_map.bind("x")

    def addresses(method):
        return {
            adapter.build(rule.endpoint, {name: parts[name] for name in rule.arguments}, method)
            for rule in rules
            if method in rule.methods
        }

    assert addresses("GET") | {"/"} == set(ADDRESSES)
    assert addresses("POST") == set(FORMS)


@pytest.mark.parametrize("address", [*ADDRESSES, "/nothing", "/migrations", "/migrations/nothing"])
def test_without_the_cookie_no_address_says_anything(served, address):
    page = Browser(served.port).get(address, follow=False)

    assert page.status == 403
    assert "This browser was not let in" in page.words
    assert "0001_clients" not in page.text and "app.sqlite" not in page.text


@pytest.mark.parametrize("address", FORMS)
def test_without_the_cookie_no_form_is_taken(served, address):
    assert Browser(served.port).post(address, form_token="x").status == 403
    assert not served.folder.database.exists()


def test_a_cookie_that_somebody_made_up_lets_nobody_in(served):
    (name,) = served.browser.cookies
    from flask import Flask

    other = Flask(__name__)
    other.secret_key = "guessed"
    signed = other.session_interface.get_signing_serializer(other).dumps({"nukeworks_migrate_entered": "x"})

    for value in (signed, "x", served.token):
        assert Browser(served.port, {name: value}).get("/migrations/").status == 403


def test_the_cookie_is_for_this_port_alone_and_not_for_scripts(served):
    with ui(served.folder) as dialog:
        said = Browser(dialog.port).get(dialog.way_in, follow=False).headers.get_all("Set-Cookie")

    name, *rest = said[0].split("; ")
    assert len(said) == 1
    assert name.partition("=")[0] == f"nukeworks_migrate_{dialog.port}"
    assert set(rest) == {"HttpOnly", "Path=/", "SameSite=Lax"}


def test_two_servers_at_once_do_not_disturb_each_other(two, tmp_path):
    other = Folder(tmp_path / "other")
    other.add_table("0001_vendors", "vendors")
    with ui(two) as one, ui(other) as another:
        browser = one.enter()
        shared = Browser(another.port, browser.cookies)  # as a browser has them: by host, for all its ports
        first = shared.get(another.way_in)

        second = browser.get("/migrations/")

    assert "0001_vendors" in first.words and "0002_contacts" not in first.words
    assert "0002_contacts" in second.words and "0001_vendors" not in second.words
    assert len(browser.cookies) == 2


# --- which requests are its own

FOREIGN_HOSTS = (
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1.evil.example:{port}",
    "localhost.evil.example:{port}",
    "127.0.0.1",
    "127.0.0.1:1",
    "localhost:{port}0",
    "127.0.0.2:{port}",
    "[::1]:{port}",
    "0.0.0.0:{port}",
    "user@127.0.0.1:{port}",
    "",
)


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_foreign_host_is_turned_down_everywhere(served, host):
    for address in ("/", "/migrations/", "/migrations", "/nothing", served.way_in, "/migrations/static/dialog.css"):
        page = served.browser.get(address, follow=False, Host=host.format(port=served.port))
        assert page.status == 400, address
        assert "0001_clients" not in page.text
        assert "Location" not in page.headers


def test_its_own_names_are_let_in(served):
    for host in ("127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}"):
        assert served.browser.get("/migrations/", Host=host.format(port=served.port)).status == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "https://127.0.0.1:{port}",
        "http://localhost:{port}",
        "http://127.0.0.1:{port}.evil.example",
        None,
    ],
)
def test_a_form_of_another_origin_is_not_taken(served, origin):
    token = TOKEN.search(served.browser.get("/migrations/").text)[1]
    headers = {} if origin is None else {"Origin": origin.format(port=served.port)}

    answer = served.browser.send("POST", "/migrations/rehearse", f"form_token={token}", **headers)

    assert answer.status == 403
    assert "This form came from somewhere else" in answer.words
    assert "Last here" not in served.browser.get("/migrations/").words


def test_a_form_of_its_own_without_the_token_is_not_taken(served):
    for fields in ({}, {"form_token": "x"}):
        answer = served.browser.post("/migrations/rehearse", **fields)
        assert (answer.status, "This form is not valid any more" in answer.words) == (403, True)
    assert "Last here" not in served.browser.get("/migrations/").words


def test_every_answer_has_the_headers_of_the_dialog(served):
    for address in ("/", "/nothing", "/migrations/", "/migrations/enter", "/migrations/static/dialog.css"):
        headers = served.browser.get(address, follow=False).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"], address
        assert headers["X-Frame-Options"] == "DENY"
        if "static" not in address:
            assert headers["Cache-Control"] == "no-store"


def test_a_request_that_is_too_large_is_an_answer_and_no_traceback(served):
    token = TOKEN.search(served.browser.get("/migrations/").text)[1]

    answer = served.browser.post("/migrations/rehearse", form_token=token, more="x" * 100_000)

    assert answer.status == 413
    assert served.program.stderr.count("Traceback") == 0


# --- the port


def test_a_port_that_is_taken_is_an_error_in_words(two):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = two.run("ui", "--no-browser", "--port", str(port))
        as_json = two.run("ui", "--no-browser", "--json", "--port", str(port))

    assert done.returncode == as_json.returncode == 3
    cause = re.search(r"  cause +(.+)\n", done.stderr)[1]
    assert done.stderr == (
        f"error: the dialog cannot be served at 127.0.0.1:{port}   [refused]\n"
        f"  cause      {cause}\n"
        "  unchanged  nothing was opened\n"
        "  next       take another port: migrate ui --port 0 takes any that is free\n"
    )
    assert (done.stdout, as_json.stderr) == ("", "")
    assert json.loads(as_json.stdout)["error"]["code"] == "refused"


def test_a_port_that_is_none_is_a_usage_error(two):
    done = two.run("ui", "--no-browser", "--port", "65536")

    assert (done.returncode, done.stdout) == (2, "")
    assert "65536" in done.stderr


def test_the_port_that_was_asked_for_and_what_is_printed(two):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with ui(two, "--port", str(port)) as dialog:
        said, aside = dialog.program.stdout, dialog.program.wait_until(lambda: dialog.program.stderr, "it says how")

    token = re.fullmatch(r"[\w-]{43}", dialog.token)[0]
    assert said.splitlines() == [
        f"dialog    http://127.0.0.1:{port}/migrations/enter?token={token}",
        "          of app.sqlite",
    ]
    assert aside == "It lets one browser in, once. Stop it with Ctrl-C.\n"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="port 80 is for the administrator")
def test_at_port_80_the_address_without_a_port_is_its_own(two):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 80))
        except OSError:
            pytest.skip("port 80 is taken")

    with ui(two, "--port", "80") as dialog:
        browser = dialog.enter()
        page = browser.get("/migrations/", Host="127.0.0.1")
        token = TOKEN.search(page.text)[1]
        run = browser.post("/migrations/rehearse", "http://127.0.0.1", form_token=token)

    assert (page.status, run.status) == (200, 200)


# --- the browser

BROWSER = """
    import json, os, sys, time, urllib.parse, urllib.request

    (page,) = sys.argv[1:]
    path = urllib.request.url2pathname(urllib.parse.urlsplit(page).path)
    said = {"page": page, "path": path, "text": open(path, encoding="utf-8").read()}
    said |= {"file": os.stat(path).st_mode, "folder": os.stat(os.path.dirname(path)).st_mode}
    if os.environ.get("ENTERS"):
        url = said["text"].partition("url=")[2].partition('"')[0]
        said["overview"] = urllib.request.build_opener(urllib.request.HTTPCookieProcessor()).open(url).read().decode()
    with open("came.part", "w") as file:
        json.dump(said, file)
    os.replace("came.part", "came.json")
    """


@pytest.fixture
def with_browser(two, tmp_path):
    """How to start `migrate ui` where there is a browser: a script that notes what it was started with."""
    script = tmp_path / "browser"
    script.write_text(f"#!{sys.executable}\n{textwrap.dedent(BROWSER)}", encoding="utf-8")
    script.chmod(0o755)
    (tmp_path / "temporary").mkdir()
    two.temporary = tmp_path / "temporary"
    two.variables = {"BROWSER": str(script), "TMPDIR": str(two.temporary)}
    return two


def what_came(folder, dialog):
    came = folder.path / "came.json"
    dialog.program.wait_until(came.exists, "the browser came")
    return json.loads(came.read_text())


@POSIX_ONLY
def test_the_browser_is_given_a_file_that_only_this_person_can_read(with_browser):
    with ui(with_browser, browser=True, **with_browser.variables) as dialog:
        came = what_came(with_browser, dialog)
        before = list(with_browser.temporary.glob("migrate-ui-*/*"))
        dialog.enter()
        after_login = list(with_browser.temporary.glob("migrate-ui-*"))
        command = subprocess.run(
            ["ps", "-o", "args=", "-p", str(dialog.program.popen.pid)], capture_output=True, text=True
        ).stdout

    assert came["page"].startswith("file:///")
    assert dialog.token not in came["page"]
    assert dialog.url in came["text"]
    assert stat.S_IMODE(came["file"]) == 0o600
    assert stat.S_IMODE(came["folder"]) == 0o700
    assert [str(path) for path in before] == [came["path"]]
    assert after_login == []
    assert dialog.token not in command


@POSIX_ONLY
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_the_file_is_gone_at_the_end_though_nobody_came(with_browser, number):
    with ui(with_browser, browser=True, **with_browser.variables) as dialog:
        what_came(with_browser, dialog)
        dialog.program.popen.send_signal(number)

        assert dialog.program.end() == 0
    assert list(with_browser.temporary.glob("migrate-ui-*")) == []


@POSIX_ONLY
def test_a_browser_that_holds_the_terminal_until_it_ends_is_served(with_browser):
    with ui(with_browser, browser=True, ENTERS="1", **with_browser.variables) as dialog:
        came = what_came(with_browser, dialog)

    assert "0002_contacts" in came["overview"]


@POSIX_ONLY
def test_where_no_browser_can_be_opened_it_is_said_and_served(with_browser):
    variables = {**with_browser.variables, "BROWSER": shutil.which("false")}
    with ui(with_browser, browser=True, **variables) as dialog:
        dialog.program.wait_until(lambda: "open the address yourself" in dialog.program.stderr, "it says so")

        assert dialog.enter().get("/migrations/").status == 200


# --- the end


@POSIX_ONLY
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_asked_to_end_it_ends_at_once_with_0(two, number):
    with ui(two) as dialog:
        dialog.enter()
        before = two.content()
        dialog.program.popen.send_signal(number)

        assert dialog.program.end() == 0
        assert dialog.program.stderr == "It lets one browser in, once. Stop it with Ctrl-C.\n"
    assert two.content() == before


@pytest.fixture
def under_way(two):
    """A dialog in which a run is under way, that goes on when the file `go` is there."""
    two.add("0003_slow", f'db.execute("CREATE TABLE slow (id INTEGER)")\n{WAIT}')
    two.before = two.content()
    with ui(two) as dialog:
        browser = dialog.enter()
        confirm = browser.get("/migrations/confirm")
        digest = re.search(r'name="plan" value="([^"]+)"', confirm.text)[1]
        browser.submit(confirm, "/migrations/apply", plan=digest)
        dialog.program.wait_until((two.path / "inside").exists, "the migration runs")
        dialog.folder = two
        yield dialog


@POSIX_ONLY
def test_asked_to_end_it_waits_for_the_run_that_is_under_way(under_way):
    folder, program = under_way.folder, under_way.program
    program.popen.send_signal(signal.SIGINT)
    program.wait_until(lambda: "waiting until it has ended" in program.stderr, "it says what it waits for")
    assert folder.applied() == [1]

    (folder.path / "go").touch()

    assert program.end() == 0
    assert folder.applied() == [1, 2, 3]
    assert integrity(folder.database) == "ok"
    assert "Traceback" not in program.stderr


@POSIX_ONLY
@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
def test_asked_twice_it_ends_in_the_middle_of_the_run_and_the_database_is_whole(under_way, number, exit_code):
    folder, program = under_way.folder, under_way.program
    program.popen.send_signal(signal.SIGINT)
    program.wait_until(lambda: "waiting until it has ended" in program.stderr, "it says what it waits for")

    program.popen.send_signal(number)

    assert program.end() == exit_code
    assert program.stderr.splitlines()[1:] == [
        "A run is under way: waiting until it has ended. Ctrl-C once more ends it here and now.",
        "Stopped in the middle of a run. What it had not committed is undone when the database is opened next.",
        "See where it stands: migrate status",
    ]
    (folder.path / "go").touch()
    assert folder.content() == folder.before
    assert integrity(folder.database) == "ok"
    assert folder.run("up", "--yes").returncode == 0
    assert folder.applied() == [1, 2, 3]


# --- the way through it


def test_the_whole_way_there_and_back(two):
    before = two.application_content()
    with ui(two) as dialog:
        browser = dialog.enter()
        overview = browser.get("/migrations/")
        assert "0002_contacts" in overview.words and "1 migration" in overview.words

        rehearsed = browser.after_run(browser.submit(overview, "/migrations/rehearse"))
        assert "The database was not touched." in rehearsed.words
        assert two.applied() == [1]

        confirm = browser.get("/migrations/confirm")
        assert "These migrations have not been tried" not in confirm.words
        digest = re.search(r'name="plan" value="([^"]+)"', confirm.text)[1]
        done = browser.after_run(browser.submit(confirm, "/migrations/apply", plan=digest))
        assert "1 migration applied" in done.words
        assert "Version 1 → 2" in done.words
        assert two.applied() == [1, 2]
        assert "up to date" in browser.get("/migrations/").words

        history = browser.get("/migrations/history")
        assert "0002_contacts" in history.words
        restore = re.search(r'href="(/migrations/snapshots/[^"/]+/restore)"', done.text)[1]
        way_back = browser.get(restore)
        assert "Everything that anybody has entered since" in way_back.words
        snapshot = restore.split("/")[3]
        assert snapshot in browser.get("/migrations/snapshots").words
        back = browser.after_run(browser.submit(way_back, "/migrations/snapshots/restore", id=snapshot))
        assert "It is at version 1" in back.words

        said = dialog.program.stdout + dialog.program.stderr

    assert two.applied() == [1]
    assert two.application_content() == before
    assert said.count(dialog.token) == 1  # in the address that is printed
    assert "GET /" not in said


def every_page(folder, *words, **variables):
    """Every page that GET answers, by its address; a traceback on one, or in the terminal, is an error."""
    with ui(folder, *words, **variables) as dialog:
        browser = dialog.enter()
        pages = {address: browser.get(address) for address in ADDRESSES}
        said = dialog.program.stderr
    assert "Traceback" not in said, said
    for address, page in pages.items():
        assert "Traceback" not in page.text
        assert page.status in (200, 404, 409), (address, page.words)
    return pages


def test_a_database_that_is_not_there_yet_is_made_by_the_run_and_not_by_looking(folder):
    folder.add_table("0001_clients", "clients")

    pages = every_page(folder)

    assert "The database is a new file: app.sqlite." in pages["/migrations/confirm"].words
    assert "Nothing has happened yet." in pages["/migrations/history"].words
    assert not folder.database.exists()


def test_a_folder_with_errors_shows_them_all(two):
    two.write("0003_broken.py", "def upgrade(db:\n")
    two.write("0002_twice.py", "def upgrade(db):\n    pass\n")

    overview = every_page(two)["/migrations/"]

    assert "The database cannot be looked at" in overview.words
    assert "0003_broken.py" in overview.words and "0002_twice.py" in overview.words


def test_a_folder_that_is_not_there(folder):
    folder.versions.rmdir()

    pages = every_page(folder)

    assert "versions" in pages["/migrations/"].words


def test_a_file_that_is_no_database(two):
    two.database.write_bytes(b"no database at all" * 100)

    overview = every_page(two)["/migrations/"]

    assert "The database cannot be looked at" in overview.words
    assert two.database.read_bytes() == b"no database at all" * 100


def test_an_address_that_means_nothing_is_said_before_anything_is_served(two):
    done = two.run("ui", "--no-browser", "-d", "mysql://db/app")

    assert (done.returncode, done.stdout) == (2, "")
    assert "mysql:// is no database that this version knows" in done.stderr


def test_a_page_after_the_server_was_started_anew_says_what_to_do(two):
    with ui(two) as dialog:
        browser = dialog.enter()
        port = dialog.port
    with ui(two, "--port", str(port)):
        page = browser.get("/migrations/runs/0123456789abcdef")

    assert page.status == 403
    assert "This browser was not let in" in page.words
    assert "migrate ui" in page.words


@POSIX_ONLY
def test_it_works_where_the_console_and_the_files_are_said_to_be_ascii(folder):
    folder.add("0001_bücher".replace("ü", "ue"), "db.log('Bücher')")
    path = next(folder.versions.glob("*.py"))
    path.write_text(path.read_text().replace("does something", "macht Bücher – ✓"), encoding="utf-8")
    variables = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    with ui(folder, "-d", "bücher.sqlite", **variables) as dialog:
        browser = dialog.enter()
        overview = browser.get("/migrations/")
        rehearsed = browser.after_run(browser.submit(overview, "/migrations/rehearse"))

    assert "macht Bücher – ✓" in overview.words
    assert "Bücher" in rehearsed.words
    assert "Traceback" not in dialog.program.stderr


# --- without Flask

WITHOUT_FLASK = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("flask", "werkzeug"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
from nukeworks_migrate.cli.main import main
main()
"""


def test_where_flask_is_not_installed_it_says_how_to_install_it(two):
    def run(*words):
        return subprocess.run(
            [sys.executable, "-c", WITHOUT_FLASK, *words],
            cwd=two.path,
            env=environment(two),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
        )

    done = run("ui", "--no-browser")

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "error: the dialog needs Flask, which is not installed   [refused]\n"
        "  cause      No module named 'flask'\n"
        "  unchanged  nothing was opened\n"
        "  next       install it: pip install 'nukeworks-migrate[flask]'\n"
    )
    assert run("status").returncode == 0


def test_json_prints_one_object(two):
    from web.starting import program

    words = [sys.executable, "-m", "nukeworks_migrate", "ui", "--no-browser", "--json"]
    with program(words, two, two.path / "said") as started:
        told = started.wait_until(lambda: started.stdout.endswith("}\n") and json.loads(started.stdout), "it is served")
        page = Browser(told["port"]).get(told["url"].partition(str(told["port"]))[2])

    assert set(told) == {"command", "ok", "url", "port"}
    assert (told["command"], told["ok"]) == ("ui", True)
    assert page.status == 200
    assert started.stderr == ""
