"""Who may use the dialog, what it lets nobody do, and that what is shown on its pages stays text."""

import http.client
import http.cookiejar
import json
import logging
import re
import sqlite3
import textwrap
import time
import urllib.parse
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from flask import Response, abort, redirect
from flask import request as flask_request
from support import footprint
from web.browsing import LONG_S, ORIGIN, Browser, Page, is_ann, served
from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy
from werkzeug.wrappers import Response as BareResponse

from nukeworks_migrate import Project, accept, create_snapshot, list_snapshots, up
from nukeworks_migrate.web.guard import FORM_FIELD

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
LONGEST = "9" * 10_000
SCRIPT = "<script>alert(1)</script>"
NASTY = f"{SCRIPT}\"><img src=x onerror=alert(1)></title></pre></textarea>'-->\u202e\x07\x9b2J&lt;"


@pytest.fixture
def pending(folder):
    """One migration is applied, with a snapshot of it, and another one is pending."""
    folder.add_table("0001_clients", "clients")
    up(folder.project(header_index=False))
    create_snapshot(folder.project())
    folder.add_table("0002_contacts", "contacts")
    return folder


def addresses(browser, run_id="0123456789abcdef"):
    """Yield method and address of all that the blueprint answers; a page that takes something new fails here."""
    app = browser.app
    values = {
        "run_id": run_id,
        "snapshot_id": next(iter(browser_snapshots(browser)), "none"),
        "version": 1,
        "filename": "dialog.css",
    }
    with app.test_request_context():
        adapter = app.create_url_adapter(flask_request)
        for rule in app.url_map.iter_rules():
            if rule.endpoint.startswith("migrations."):
                path = adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments})
                for method in sorted(rule.methods):
                    yield method, path


def browser_snapshots(browser):
    return [one.id for one in list_snapshots(browser.dialog.application().project).snapshots]


def posts(browser):
    return [path for method, path in addresses(browser) if method == "POST"]


def fields_for(browser, path):
    """What the form of this address holds besides its token."""
    if path.endswith("/apply"):
        return {"plan": browser.get("/confirm").form("/apply")["plan"]}
    if path.endswith(("/verify", "/restore")):
        return {"id": browser_snapshots(browser)[0]}
    return {}


# --- the token


def test_the_pages_forms_are_let_in(pending, browse):
    ann = browse()

    answers = {path: ann.post(path.removeprefix("/migrations"), fields_for(ann, path)).status for path in posts(ann)}

    assert len(answers) == 5
    assert set(answers.values()) <= {303, 409}  # 409: the one before is still under way
    assert 303 in answers.values()


@pytest.mark.parametrize(
    "wrong",
    [
        "no token",
        "an empty one",
        "a wrong one",
        "another session's",
        "before the logout",
        "in the address",
        "cut short",
    ],
)
def test_a_form_without_the_token_of_its_session_does_nothing(pending, browse, wrong):
    ann = browse()
    token, data, query = ann.token(), {}, ""
    match wrong:
        case "an empty one":
            data = {FORM_FIELD: ""}
        case "a wrong one":
            data = {FORM_FIELD: "é" + token}
        case "another session's":
            data = {FORM_FIELD: Browser(ann.app).log_in("ann").token()}
        case "before the logout":
            data = {FORM_FIELD: token}
            ann.client.post("/logout")
            ann.log_in("ann")
            ann.token()
        case "in the address":
            query = f"?{FORM_FIELD}={token}"
        case "cut short":
            data = {FORM_FIELD: token[:-1]}
    told = [(path, {**fields_for(ann, path), **data}) for path in posts(ann)]
    before = footprint(pending.path)

    for path, form in told:
        page = Page(ann.client.post(path + query, data=form, headers={"Origin": ORIGIN}))

        assert (page.status, "not valid any more" in page.text) == (403, True), path
        assert page.dangers() == []
    assert ann.dialog.runs.last is None
    assert footprint(pending.path) == before


def test_a_session_that_has_seen_no_page_has_no_token_that_would_do(pending, browse):
    ann = browse()
    before = footprint(pending.path)

    for given in ("", "None", "null"):
        answer = ann.client.post("/migrations/rehearse", data={FORM_FIELD: given}, headers={"Origin": ORIGIN})
        assert answer.status_code == 403

    assert ann.dialog.runs.last is None
    assert footprint(pending.path) == before


# --- where a form came from


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Origin": ORIGIN}, 303, id="its own"),
        pytest.param({"Origin": "HTTP://LOCALHOST"}, 303, id="its own, in capitals"),
        pytest.param({"Origin": "https://app.example.com"}, 303, id="one of the settings"),
        pytest.param({"Sec-Fetch-Site": "same-origin"}, 303, id="none, and the browser says the same origin"),
        pytest.param({}, 403, id="none"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, 403, id="none, same site only"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, 403, id="none, another site"),
        pytest.param({"Sec-Fetch-Site": "none"}, 403, id="none, and no site"),
        pytest.param({"Origin": "null"}, 403, id="null"),
        pytest.param({"Origin": ""}, 403, id="empty"),
        pytest.param({"Origin": "http://evil.example"}, 403, id="foreign"),
        pytest.param(
            {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, 403, id="foreign, whatever else is said"
        ),
        pytest.param({"Origin": f"{ORIGIN}:8080"}, 403, id="another port"),
        pytest.param({"Origin": "https://localhost"}, 403, id="another scheme"),
        pytest.param({"Origin": f"{ORIGIN}.evil.example"}, 403, id="one that begins like it"),
        pytest.param({"Origin": "http://evil.example/localhost"}, 403, id="one that ends like it"),
        pytest.param({"Origin": f"{ORIGIN} http://evil.example"}, 403, id="a list"),
        pytest.param({"Origin": f"http://evil.example/{SCRIPT}"}, 403, id="one with a script in it"),
        pytest.param({"Referer": f"{ORIGIN}/migrations/"}, 403, id="a referrer alone"),
    ],
)
def test_a_form_is_let_in_from_the_dialogs_own_pages_alone(pending, browse, headers, status):
    ann = browse(MIGRATIONS_ORIGINS=["https://APP.example.com/"])
    data, before = {FORM_FIELD: ann.token()}, footprint(pending.path)

    page = Page(ann.client.post("/migrations/rehearse", data=data, headers=headers))

    assert page.status == status
    assert page.dangers() == []
    if status == 403:
        assert "came from somewhere else" in page.text
        assert ann.dialog.runs.last is None
        assert footprint(pending.path) == before


# --- under which names


KNOWN = [
    "localhost",
    "LOCALHOST",
    "localhost:5000",
    "127.0.0.1",
    "127.0.0.1:5000",
    "192.168.7.9:80",
    "[::1]",
    "[::1]:5000",
    "said.example.com",
    "said.example.com:8443",
    "port.example.com:8443",
    "named.example.com:5000",
]
FOREIGN = [
    "evil.example",
    "evil.example:5000",
    "127.0.0.1.evil.example",
    "127.0.0.1.evil.example:5000",
    "localhost.evil.example",
    "localhostevil",
    "said.example.com.evil.example",
    "evil.said.example.com",
    "port.example.com",
    "named.example.com",
    "named.example.com:5001",
    "[::1].evil.example",
    "[::1]evil:80",
    "[evil.example]",
    "127.0.0.1:80@evil.example",
    "127.0.0.1:evil",
    "localhost:5000:evil",
    "127.1",
    "0x7f000001",
    "2130706433",
    "127.0.0.1.",
    "",
    SCRIPT,
]


@pytest.fixture
def named(pending, browse):
    """An application that has said its names, and whoever comes may use the dialog: only the name is judged."""
    browser = browse(lambda: True, MIGRATIONS_HOSTS=["Said.example.com", "port.example.com:8443"])
    browser.run_id = browser.begin("/rehearse").rsplit("/", 1)[1]
    browser.end_of(f"/runs/{browser.run_id}")
    browser.paths = list(addresses(browser, browser.run_id))
    browser.app.config["SERVER_NAME"] = "Named.example.com:5000"
    return browser


def test_a_host_that_is_not_known_is_not_answered_by_any_page(pending, named):
    before, last = footprint(pending.path), named.dialog.runs.last.id

    for host in FOREIGN:
        for method, path in named.paths:
            page = named.open(method, path, headers={"Host": host})
            assert page.status == 400, (host, method, path)
            assert method == "HEAD" or "This host is not known" in page.text
            assert page.dangers() == []
    assert named.dialog.runs.last.id == last
    assert footprint(pending.path) == before


def test_a_host_that_is_known_is_answered(pending, named):
    for host in KNOWN:
        for method, path in named.paths:
            # A form without token and origin is not sent by our pages.
            assert named.open(method, path, headers={"Host": host}).status == (403 if method == "POST" else 200), host


@pytest.mark.parametrize("setting", [["trusted.example.com", "other.example.com"], "trusted.example.com"])
@pytest.mark.parametrize(("host", "status"), [("trusted.example.com", 200), ("evil.example", 400), ("127.0.0.1", 400)])
def test_what_the_application_trusts_is_known(pending, browse, setting, host, status):
    ann = browse(lambda: True)
    ann.app.config["TRUSTED_HOSTS"] = setting

    assert ann.get(headers={"Host": host}).status == status


def test_a_real_server_answers_under_known_names_alone(pending, browse):
    ann = browse(lambda: True)
    run = ann.begin("/rehearse")
    ann.end_of(run)

    with served(ann.app) as port:

        def status(host, path, method="GET"):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONG_S)
            with closing(connection):
                connection.putrequest(method, path, skip_host=True)
                if host is not None:
                    connection.putheader("Host", host)
                connection.endheaders()
                answer = connection.getresponse()
                answer.read()
                return answer.status

        for path in ("/migrations/", "/migrations/static/dialog.css", f"/migrations{run}/events"):
            assert status(f"127.0.0.1:{port}", path) == 200
            assert status(f"localhost:{port}", path) == 200
            assert status("evil.example", path) == 400
            assert status(f"127.0.0.1.evil.example:{port}", path) == 400
        assert status(f"evil.example:{port}", "/migrations/rehearse", "POST") == 400
        assert status("", "/migrations/") == 400


# --- who may


def says(answer):
    return lambda: answer


async def a_coroutine():
    return True


def not_logged_in():
    abort(401)


def broken():
    raise RuntimeError("the users cannot be read")


@pytest.mark.parametrize(
    ("authorize", "status"),
    [
        pytest.param(says(None), 403, id="None"),
        pytest.param(says(False), 403, id="False"),
        pytest.param(says(0), 403, id="0"),
        pytest.param(says("yes"), 403, id="a string"),
        pytest.param(says([True]), 403, id="a list"),
        pytest.param(says(("no", 401)), 403, id="a tuple"),
        pytest.param(says(1.0), 403, id="a float"),
        pytest.param(says(LocalProxy(lambda: True)), 403, id="a proxy"),
        pytest.param(lambda: a_coroutine, 403, id="a coroutine function"),
        pytest.param(not_logged_in, 401, id="it aborts"),
        pytest.param(broken, 500, id="it raises"),
        pytest.param(lambda: redirect("/login"), 302, id="a redirect"),
        pytest.param(says(Response("who are you", 401)), 401, id="a response"),
        pytest.param(says(BareResponse("who are you", 401)), 401, id="a response of werkzeug"),
    ],
)
def test_anything_but_a_plain_yes_keeps_everybody_out_of_every_page(pending, browse, authorize, status):
    browser = browse(authorize)
    browser.app.config["PROPAGATE_EXCEPTIONS"] = False
    before = footprint(pending.path)

    for method, path in addresses(browser):
        answer = browser.open(method, path, headers={"Origin": ORIGIN})
        if path.startswith("/migrations/static/"):
            assert answer.status == 200  # the style of the page that says no
        else:
            assert answer.status == status, (method, path)
            assert "clients" not in answer.source
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert browser.dialog.runs.last is None
    assert footprint(pending.path) == before


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_a_coroutine_is_no_yes(pending, browse):
    browser = browse(a_coroutine)

    assert {browser.open(method, path).status for method, path in addresses(browser)} == {200, 403}
    assert browser.get().status == 403


@pytest.mark.parametrize("yes", [True, 1])
def test_a_plain_yes_lets_in(pending, browse, yes):
    assert browse(says(yes)).get().status == 200


def test_without_authorize_the_dialog_is_closed_to_everybody_and_says_how_to_open_it(pending, browse):
    browser = browse(None)

    page = browser.get()

    assert {browser.open(method, path).status for method, path in addresses(browser)} == {200, 403}  # 200: the style

    assert page.status == 403
    assert "The migration dialog is closed Nobody has said who may use it." in page.text
    assert "Migrations(app, authorize=lambda: current_user.is_admin)" in page.text


def test_without_a_secret_key_no_page_is_shown(pending, browse):
    browser = browse(says(True), SECRET_KEY=None)

    page = browser.get()

    assert page.status == 503
    assert "the application has no SECRET_KEY" in page.text


@pytest.mark.parametrize("who", ["nobody", "bob", "bob with ann's token"])
def test_who_is_no_admin_sees_nothing_and_changes_nothing(nukeworks, old_database, who):
    app = nukeworks()
    browser = Browser(app)
    token = Browser(app).log_in("ann").token() if who == "bob with ann's token" else "none"
    if who != "nobody":
        browser.log_in("bob")
    before = footprint(old_database.parent)

    for method, path in addresses(browser):
        form = {"data": {FORM_FIELD: token}} if method == "POST" else {}
        page = browser.open(method, path, headers={"Origin": ORIGIN}, **form)
        if not path.startswith("/migrations/static/"):
            assert page.status == 403, (method, path)
            assert "0003" not in page.source
    assert app.extensions["nukeworks_migrate"].runs.last is None
    assert footprint(old_database.parent) == before


# --- while a run keeps the application out of its own database


@pytest.fixture
def under_way(pending, browse, gate):
    """Ann's run is under way; for as long as it is, the application cannot read who somebody is."""
    pending.add("0002_contacts", _dedented(gate.body))

    def authorize():
        if ann.dialog.runs.current is not None:
            raise sqlite3.OperationalError(f"database is locked {SCRIPT}")
        return is_ann()

    ann = browse(authorize).log_in("ann")
    ann.run_address = ann.begin("/apply", ann.get("/confirm").form("/apply"))
    gate.wait()
    return ann


def test_who_began_a_run_sees_it_also_then_and_nothing_else(under_way, gate):
    run_id = under_way.run_address.rsplit("/", 1)[1]

    page, state = under_way.get(under_way.run_address), under_way.state(under_way.run_address)
    others = [(m, p, under_way.open(m, p, headers={"Origin": ORIGIN})) for m, p in addresses(under_way, "0" * 16)]
    foreign = under_way.get(under_way.run_address, headers={"Host": "evil.example"})
    gate.open()
    end = under_way.end_of(under_way.run_address)

    assert (page.status, "Step 1 of 1: 0002_contacts" in page.text, state["state"]) == (200, True, "running")
    for method, path, answer in others:
        if not path.startswith("/migrations/static/"):
            assert answer.status == 503, (method, path)
            assert method == "HEAD" or "Upgrade of the database: until it has ended" in answer.text
            assert answer.headers["Retry-After"] == "10"
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS
            assert SCRIPT not in answer.text and answer.dangers() == []
    assert foreign.status == 400
    assert under_way.dialog.runs.last.id == run_id
    assert "1 migration applied" in end.text


def test_nobody_else_sees_it_and_neither_do_they_who_have_logged_out(under_way, gate):
    token = under_way.token()
    other, stranger = Browser(under_way.app).log_in("ann"), Browser(under_way.app)
    forged = Browser(under_way.app)
    with forged.client.session_transaction() as kept:
        kept["nukeworks_migrate_run"] = "0" * 16
    under_way.client.post("/logout")

    for browser in (other, stranger, forged, under_way):
        for address in ("", "/state", "/events"):
            page = browser.get(under_way.run_address + address)
            assert (page.status, "0002_contacts" in page.source) == (503, False)
    form = {FORM_FIELD: token}
    assert under_way.client.post("/migrations/rehearse", data=form, headers={"Origin": ORIGIN}).status_code == 503
    gate.open()
    under_way.dialog.runs.join()


def test_once_it_has_ended_the_application_is_asked_again(under_way, gate):
    gate.open()
    under_way.end_of(under_way.run_address)
    with under_way.client.session_transaction() as kept:
        kept["user"] = "bob"

    for address in ("", "/state", "/events"):
        assert under_way.get(under_way.run_address + address).status == 403


def test_a_failure_of_the_application_is_told_by_itself_where_nothing_is_under_way(pending, browse):
    browser = browse(broken)
    browser.app.config["PROPAGATE_EXCEPTIONS"] = False
    browser.app.register_error_handler(500, lambda error: ("the application's own page", 500))

    page = browser.get()

    assert (page.status, page.text) == (500, "the application's own page")


# --- looking changes nothing


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_looking_changes_not_a_byte(pending, browse, method):
    ann = browse()
    run = ann.begin("/rehearse")
    ann.end_of(run)
    before, last = footprint(pending.path), ann.dialog.runs.last.id

    paths = [path for m, path in addresses(ann, run.rsplit("/", 1)[1]) if m == "GET"]
    answers = {path: ann.open(method, path).status for path in paths}

    assert len(answers) >= 11
    assert set(answers.values()) == {200}
    assert footprint(pending.path) == before
    assert ann.dialog.runs.last.id == last


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
def test_what_changes_something_is_asked_for_by_post_alone(pending, browse, method):
    ann = browse()
    before = footprint(pending.path)

    answers = {path: ann.open(method, path).status for path in posts(ann)}

    assert set(answers.values()) == {405}
    assert ann.dialog.runs.last is None
    assert footprint(pending.path) == before


def test_a_head_of_the_stream_takes_nobodys_place(pending, browse):
    ann = browse()
    run = ann.begin("/rehearse")
    ann.end_of(run)

    for _ in range(5):
        assert ann.open("HEAD", f"/migrations{run}/events").status == 200


# --- one at a time


def test_a_second_run_is_refused_in_words_while_one_is_under_way(pending, browse, gate):
    pending.add("0002_contacts", gate.body)
    ann = browse()
    other = Browser(ann.app).log_in("ann")
    plan = ann.get("/confirm").form("/apply")
    run = ann.begin("/apply", plan)
    gate.wait()
    snapshots = browser_snapshots(ann)

    told = [
        (browser, path, browser.post(path, fields))
        for browser in (ann, other)
        for path, fields in (
            ("/apply", plan),
            ("/rehearse", {}),
            ("/resume", {}),
            ("/snapshots/verify", {}),
            ("/snapshots/restore", {"id": snapshots[0]}),
        )
    ]
    meanwhile = [ann.get(path) for path in ("/", "/snapshots", f"/snapshots/{snapshots[0]}/restore")]
    after = browser_snapshots(ann)
    gate.open()
    page = ann.end_of(run)

    for _, path, answer in told:
        assert answer.status == 409, path
        assert "a run is under way already busy" in answer.text
        assert "cause Upgrade of the database" in answer.text
        assert "unchanged nothing was begun" in answer.text
        assert "See how far it is" in answer.text
    for answer in meanwhile:
        assert "Upgrade of the database is under way." in answer.text
        assert answer.forms == [] or all(form["disabled"] for form in answer.forms)
    assert after == snapshots
    assert "1 migration applied" in page.text
    assert pending.applied() == [1, 2]
    assert ann.dialog.runs.last.id == run.rsplit("/", 1)[1]


def test_while_a_dry_run_is_under_way_nothing_is_applied(pending, browse, gate):
    pending.add("0002_contacts", gate.body)
    ann = browse()
    plan, before = ann.get("/confirm").form("/apply"), pending.content()
    run = ann.begin("/rehearse")
    gate.wait()

    refused = ann.post("/apply", plan)
    gate.open()
    page = ann.end_of(run)

    assert (refused.status, "cause Dry run on a private copy" in refused.text) == (409, True)
    assert "The database was not touched." in page.text
    assert pending.content() == before


def test_another_process_waits_for_the_dialogs_run_and_does_nothing_twice(pending, browse, gate):
    pending.add("0002_contacts", f"db.execute('CREATE TABLE contacts (id)')\n{_dedented(gate.body)}")
    ann = browse()
    run = ann.begin("/apply", ann.get("/confirm").form("/apply"))
    gate.wait()

    with pending.start("up", "--yes") as process:
        line = process.stderr.readline()
        gate.open()
        page = ann.end_of(run)
        _, rest = process.communicate(timeout=LONG_S)

    assert "waiting" in line, line + rest
    assert process.returncode == 0, rest
    assert "1 migration applied" in page.text
    assert _events(pending, 2) == ["applied"]


def test_the_dialog_waits_for_another_processs_run_and_does_nothing_twice(pending, browse, gate):
    pending.add("0002_contacts", f"db.execute('CREATE TABLE contacts (id)')\n{_dedented(gate.body)}")
    ann = browse()
    plan = ann.get("/confirm").form("/apply")

    with pending.start("up", "--yes") as process:
        gate.wait()
        run = ann.begin("/apply", plan)
        waiting = ann.wait_for(run, lambda state: state["phase"].startswith("Waiting"))
        gate.open()
        page = ann.end_of(run)
        _, rest = process.communicate(timeout=LONG_S)

    assert process.returncode == 0, rest
    assert "the migration lock is held by" in waiting["phase"]
    assert "Nothing was left to do The database is at version 2: somebody else has done it meanwhile." in page.text
    assert _events(pending, 2) == ["applied"]


def _dedented(body):
    return textwrap.dedent(body).strip()


def _events(folder, version):
    found = folder.query(f"SELECT event FROM schema_version_log WHERE version = {version} ORDER BY id")
    return [event for (event,) in found]


# --- ids that are none


TRICKS = [
    "..",
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "%252e%252e",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "C:%5cWindows%5cwin.ini",
    "a%00b",
    "%0d%0aSet-Cookie:x=1",
    "%1b[2J",
    "%e2%80%ae",
    "%ff%fe",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "*",
    "%25s",
    "{7*7}",
    "none",
    "",
    "-1",
    "1e3",
    "0x1",
    "x" * 10_000,
    LONGEST,
]


@pytest.mark.parametrize(
    "address", ["/runs/{}", "/runs/{}/state", "/runs/{}/events", "/snapshots/{}/restore", "/history/{}"]
)
def test_an_id_in_an_address_that_names_nothing_finds_nothing(pending, browse, address):
    ann = browse()
    before = footprint(pending.path.parent)

    for trick in TRICKS:
        page = ann.get(address.format(trick))

        if page.status == 308:  # werkzeug's: a slash too many is taken away
            assert page.headers["Location"].startswith(f"{ORIGIN}/migrations/")
        elif trick or address.endswith("{}"):
            assert page.status == 404, trick[:40]
            assert page.dangers() == []
        assert "Set-Cookie:x" not in str(page.headers)
    assert footprint(pending.path.parent) == before


@pytest.mark.parametrize("path", ["/snapshots/verify", "/snapshots/restore"])
def test_an_id_in_a_form_has_to_be_that_of_a_snapshot_of_this_database(pending, browse, path, tmp_path):
    ann = browse()
    mine = browser_snapshots(ann)[0]
    theirs = _snapshot_of_another_database(pending, tmp_path)
    tricks = [urllib.parse.unquote(trick) for trick in TRICKS if trick]
    before = footprint(pending.path)

    for given in [*tricks, mine[:-1], mine.lower(), f"{mine} ", f"{mine}.json", f"./{mine}", f"{mine}\n", theirs]:
        page = ann.post(path, {"id": given})

        assert (page.status, "There is no such snapshot" in page.text) == (404, True), given
    assert ann.get(f"/snapshots/{theirs}/restore").status == 404
    assert ann.get(f"/snapshots/{mine[:-1]}/restore").status == 404
    assert theirs not in ann.get("/snapshots").source
    assert ann.dialog.runs.last is None
    assert footprint(pending.path) == before


def _snapshot_of_another_database(folder, tmp_path):
    """A snapshot in the same folder, but of another file."""
    other = Project(str(tmp_path / "other.sqlite"), folder.versions, folder.path / "snapshots", header_index=False)
    up(other, to=1)
    return create_snapshot(other).id


# --- what is shown stays text


@pytest.fixture
def nasty(folder, browse, monkeypatch):
    """Everything that a page shows holds a script: names, texts, SQL, messages, errors, notes, the database's file."""
    text = NASTY.replace("\\", "").replace("'", "\u2019")
    if not _can_be_a_file(folder.path, "<script>\u202e.sqlite"):
        pytest.skip("a file cannot have such a name on this platform")
    folder.database = folder.path / "<script>alert(1)<\u202e.sqlite"
    monkeypatch.setattr(
        folder, "project", lambda **settings: _project(folder.database.name, folder.path, settings), raising=False
    )
    quoted = repr(text)
    folder.write(
        "0001_first.py",
        f"""
        {quoted}

        def upgrade(db):
            db.execute('CREATE TABLE "{SCRIPT}" (id INTEGER PRIMARY KEY, "<img src=x onerror=alert(1)>" TEXT)')
            db.execute('INSERT INTO "{SCRIPT}" VALUES (1, ?)', [{quoted}])
            db.log({quoted})
        """,
    )
    up(folder.project(header_index=False))
    create_snapshot(folder.project(), note=text)
    first = folder.versions / "0001_first.py"
    first.write_text(first.read_text().replace("VALUES (1, ?)", "VALUES (2, ?)") + f"    db.log({quoted})\n")
    folder.text = text
    return folder


def _project(name, base, settings):
    return Project(name, base=base, **settings)


def _can_be_a_file(folder, name):
    try:
        (folder / name).touch()
        (folder / name).unlink()
    except OSError:
        return False
    return True


def looked_at(browser, *runs):
    """Every page that there is, and those of these runs."""
    found = {path: browser.get(path.removeprefix("/migrations")) for m, path in addresses(browser) if m == "GET"}
    found = {path: page for path, page in found.items() if "/runs/" not in path and "/static/" not in path}
    return {**found, **{run: browser.get(run) for run in runs}}


def test_scripts_in_whatever_is_shown_are_text_on_every_page(nasty, browse):
    ann = browse()
    drifted = looked_at(ann)
    _accept(nasty)
    nasty.write(
        "0002_second.py",
        f"""
        {nasty.text!r}

        resources = [{nasty.text!r}]

        def upgrade(db):
            db.execute('DROP TABLE "{SCRIPT}"')
            db.execute('CREATE TABLE "second{SCRIPT}" (id INTEGER PRIMARY KEY, t TEXT)')
            db.execute('INSERT INTO "second{SCRIPT}" VALUES (?, ?)', (1, {nasty.text!r}))
            db.log({nasty.text!r})
            db.progress(1, 2, {nasty.text!r})
        """,
    )
    project = ann.dialog.application().project
    project.resources[nasty.text] = "here"
    pending = looked_at(ann)
    rehearsed = ann.begin("/rehearse")
    ann.end_of(rehearsed)
    applied = ann.begin("/apply", ann.get("/confirm").form("/apply"))
    ann.end_of(applied)
    nasty.add(
        "0003_third",
        f"db.log({nasty.text!r})\ntry:\n    db.execute('SELECT \"{SCRIPT}\" FROM')\n"
        f"except Exception as e:\n    raise RuntimeError({nasty.text!r}) from e",
    )
    failing = ann.begin("/apply", ann.get("/confirm").form("/apply"))
    ann.end_of(failing)
    after = looked_at(ann, rehearsed, applied, failing)
    states = [ann.state(run) for run in (rehearsed, applied, failing)]

    for pages in (drifted, pending, after):
        assert len(pages) >= 7
        for path, page in pages.items():
            assert page.dangers() == [], path
            assert page.status in (200, 303, 409), path
    shown = drifted["/migrations/"].text + pending["/migrations/"].text + after[failing].text + after[applied].text
    shown += after["/migrations/history/1"].text + after["/migrations/snapshots"].text + after["/migrations/graph"].text
    assert shown.count(SCRIPT) > 15  # it was there to be seen, as text
    assert "\\u202e" in shown
    assert all(SCRIPT in json.dumps(state) for state in states[1:])
    assert all(page.dangers() == [] for page in [ann.get("/snapshots")])


def _accept(folder):
    accept(folder.project(header_index=False), "0001_first", reason=folder.text)


def test_a_script_in_a_file_that_cannot_be_read_is_text(folder, browse):
    folder.write("0001_<img src=x onerror=alert(1)>.py", "x = 1")
    folder.write("0002_b.py", f"depends_on = ['{SCRIPT}']\ndef upgrade(db):\n    '\u202e' + {SCRIPT!r} +")
    folder.write("0003_c.py", f"depends_on = ['{SCRIPT}']\ndef upgrade(db): pass")
    ann = browse()

    pages = {path: ann.get(path) for path in ("/", "/confirm", "/history/3", "/graph")}

    for path, page in pages.items():
        assert page.dangers() == [], path
    assert SCRIPT in pages["/"].text


def test_a_message_cannot_forge_an_event_of_the_stream_nor_break_its_json(pending, browse):
    forged = 'x\n\ndata: {"state": "done"}\n\r\nid: 99\n\nevent: message\u2028\u2029\0'
    pending.add("0002_contacts", f"db.log({forged!r})\ndb.progress(1, 3, {forged!r})\nraise ValueError({forged!r})")
    ann = browse()

    run = ann.begin("/apply", ann.get("/confirm").form("/apply"))
    ann.end_of(run)
    stream = ann.client.get(f"/migrations{run}/events").get_data(as_text=True)

    messages = [message for message in stream.split("\n\n") if message]
    assert messages[0] == "retry: 1000"
    assert len(messages) == 2
    fields = dict(line.split(": ", 1) for line in messages[1].split("\n"))
    state = json.loads(fields["data"])
    assert fields.keys() == {"id", "data"}
    assert fields["id"] == str(state["number"])
    assert state["state"] == "failed"
    assert [message for message in state["messages"] if "forged" in message or 'data: {"state"' in message]
    assert ann.state(run) == state


# --- headers


def test_every_answer_has_the_headers(pending, browse):
    ann = browse()
    run = ann.begin("/rehearse")
    ann.end_of(run)
    answers = []
    for method, path in addresses(ann, run.rsplit("/", 1)[1]):
        answers.append((path, ann.open(method, path, headers={"Origin": ORIGIN})))
    answers.append(("a redirect", ann.post("/rehearse")))
    ann.end_of(answers[-1][1].headers["Location"].removeprefix("/migrations"))
    pending.write("0003_broken.py", "def upgrade(db:")
    answers += [
        ("no such run", ann.get("/runs/none")),
        ("no such snapshot", ann.get("/snapshots/none/restore")),
        ("files refused", ann.get("/confirm")),
        ("no such file", ann.get("/static/none.css")),
        ("another host", ann.get(headers={"Host": "evil.example"})),
        ("a stranger", Browser(ann.app).get()),
        ("a form that is too long", ann.post("/apply", {"plan": "x" * 2_000_000})),
    ]

    assert {answer.status for _, answer in answers} >= {200, 303, 400, 403, 404, 409}
    for path, answer in answers:
        assert {name: answer.headers.get_all(name) for name in HEADERS} == {k: [v] for k, v in HEADERS.items()}, path
        if "/static/" not in path and path != "no such file":
            assert answer.headers.get_all("Cache-Control") == ["no-store"], path


def test_nothing_is_loaded_from_elsewhere(pending, browse):
    ann = browse()

    for path in Path(ann.app.blueprints["migrations"].static_folder).iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert re.findall(r"""\w+://|["'(`]\s*//|@import""", text) == [], path.name
    for path, page in looked_at(ann).items():
        assert page.dangers() == [], path
        assert "://" not in page.source.replace("http://www.w3.org/2000/svg", ""), path


def test_pages_lead_to_where_the_application_is_mounted(pending, browse):
    ann = browse()

    page = Page(ann.client.get("/migrations/", environ_overrides={"SCRIPT_NAME": "/apps/one"}))

    assert [link for link in page.links() if not link.startswith(("/apps/one/", "#"))] == []
    assert "/apps/one/" in page.links()  # back to the application
    assert "/apps/one/migrations/confirm" in page.links()
    assert [form["action"] for form in page.forms] == ["/apps/one/migrations/rehearse"]


# --- the log


def test_the_token_stands_in_no_log(pending, browse, caplog):
    ann = browse()
    pending.add("0003_failing", "raise ValueError('no')")
    caplog.set_level(logging.DEBUG)
    cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())

    with served(ann.app) as port:
        origin = f"http://127.0.0.1:{port}"
        opener = urllib.request.build_opener(cookies)

        def page(path, **fields):
            headers = {"Origin": origin} if fields else {}
            data = urllib.parse.urlencode(fields).encode() if fields else None
            with opener.open(urllib.request.Request(origin + path, data, headers), timeout=LONG_S) as answer:
                return answer.url, answer.read().decode()

        try:
            page("/login", username="ann")
        except urllib.error.HTTPError as no_such_page:  # where one is sent after the login
            no_such_page.close()
        token = re.search(rf'name="{FORM_FIELD}" value="([^"]+)"', page("/migrations/")[1])[1]
        plan = re.search(r'name="plan" value="([^"]+)"', page("/migrations/confirm")[1])[1]
        for path, fields in (("rehearse", {}), ("apply", {"plan": plan}), ("snapshots/verify", {})):
            address, _ = page(f"/migrations/{path}", **{FORM_FIELD: token, **fields})
            end = time.monotonic() + LONG_S
            while '"running"' in page(f"{urllib.parse.urlsplit(address).path}/state")[1]:
                assert time.monotonic() < end
                time.sleep(0.02)
            page(urllib.parse.urlsplit(address).path)
        try:
            page("/migrations/apply", **{FORM_FIELD: token + "x", "plan": plan})
        except urllib.error.HTTPError as refused:
            refused.close()

    logged = "\n".join([record.getMessage() for record in caplog.records] + [caplog.text])
    assert "POST /migrations/apply" in logged  # it was listening
    assert "0003_failing failed" in logged
    assert token not in logged
    assert all(cookie.value not in logged for cookie in cookies.cookiejar)


# --- a plan that moves


def test_a_plan_to_which_a_migration_came_is_not_run(pending, browse):
    ann = browse()
    plan = ann.get("/confirm").form("/apply")
    pending.add_table("0003_late", "late")
    before = footprint(pending.path)

    page = ann.run("/apply", plan)

    _is_a_plan_that_moved(page)
    assert footprint(pending.path) == before


def test_a_plan_of_which_a_file_was_changed_is_not_run(pending, browse):
    ann = browse()
    plan = ann.get("/confirm").form("/apply")
    pending.add_table("0002_contacts", "people")
    before = footprint(pending.path)

    page = ann.run("/apply", plan)

    _is_a_plan_that_moved(page)
    assert footprint(pending.path) == before


@pytest.mark.parametrize("plan", ["", "0" * 64, "é", LONGEST])
def test_a_plan_that_nobody_was_shown_is_not_run(pending, browse, plan):
    ann = browse()
    before = footprint(pending.path)

    _is_a_plan_that_moved(ann.run("/apply", {"plan": plan}))
    _is_a_plan_that_moved(ann.run("/apply"))

    assert footprint(pending.path) == before


def test_a_plan_of_which_somebody_has_run_a_part_is_not_run(pending, browse):
    pending.add_table("0003_late", "late")
    ann = browse()
    plan = ann.get("/confirm").form("/apply")
    up(pending.project(header_index=False), to=2)
    before = footprint(pending.path)

    page = ann.run("/apply", plan)

    _is_a_plan_that_moved(page)
    assert footprint(pending.path) == before


def test_a_plan_that_somebody_has_run_meanwhile_leaves_nothing_to_do(pending, browse):
    ann = browse()
    plan = ann.get("/confirm").form("/apply")
    up(pending.project(header_index=False))
    before = footprint(pending.path)

    page = ann.run("/apply", plan)

    assert "done Upgrade of the database Nothing was left to do The database is at version 2" in page.text
    assert footprint(pending.path) == before


def _is_a_plan_that_moved(page):
    assert "failed Upgrade of the database" in page.text
    assert "the plan is not the one that you have confirmed plan-moved" in page.text
    assert "unchanged nothing was run; database and ledger are as they were" in page.text
    assert "next look again, and confirm what you see then" in page.text


def test_the_tables_of_the_ledger_are_not_made_by_looking(old_database, ann):
    before = footprint(old_database.parent)

    for method, path in addresses(ann):
        if method == "GET":
            ann.open(method, path)

    with closing(sqlite3.connect(old_database)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'schema_v%'")}
    assert tables == {"schema_version"}
    assert footprint(old_database.parent) == before


def test_whoever_logs_in_next_in_the_same_browser_does_not_see_it(under_way, gate):
    """Also where the logout takes away the application's own keys of the session, and nothing else."""
    before = under_way.get(under_way.run_address).status
    with under_way.client.session_transaction() as kept:
        kept["user"] = "bob"

    after = under_way.get(under_way.run_address)
    busy = under_way.get("/")
    gate.open()
    under_way.dialog.runs.join()

    assert (before, after.status) == (200, 503)
    assert "Upgrade" not in after.text + busy.text


@pytest.mark.parametrize("kind", [HTTPException, Exception])
def test_what_authorize_raises_is_answered_as_the_application_answers_it_elsewhere(browse, kind):
    def authorize():
        abort(401)

    browser = browse(authorize)
    browser.app.register_error_handler(kind, lambda error: ("in our own words", 401))

    page = browser.get("/")

    assert (page.status, page.text) == (401, "in our own words")
