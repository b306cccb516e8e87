"""From the closed application to the migrated one and back, as somebody sees it who clicks."""

from __future__ import annotations

import re
import time
from contextlib import suppress

import pytest
from browser.served import begin_upgrade, log_in, open_dialog, screenshot, wait_until

ROWS_TEXT = re.compile(r"([\d,]+) of 200,000 rows, ([\d,]+) rows/s, (\d+:\d\d:\d\d) left")
CLOSED = "status of 503"  # what Chromium writes about the page of the closed application
LOCKED = "status of (500|503)"  # … and where a run keeps the application out of its database


def test_the_application_is_closed_until_it_is_migrated_in_the_dialog(site, visit):
    site.add_slow()
    site.start()
    page = visit(expected="status of (404|503)")  # the application has no icon

    assert page.goto(site.url).status == 503
    assert page.get_by_role("heading").inner_text() == "The database has to be updated first"
    log_in(page, site)
    page.get_by_role("link", name="Open the migration dialog").click()
    assert page.get_by_role("heading", level=1).inner_text() == "○ pending The database needs 9 migrations"
    assert page.get_by_role("heading", level=3).all_inner_texts()[0] == "1 0003_add_clients_crm"

    before = site.content()
    page.get_by_role("button", name="Dry run").click()
    page.get_by_text("In all").wait_for(timeout=60_000)
    assert page.title() == "Done: Dry run on a private copy – Migrations"
    assert page.get_by_text("The database was not touched.").is_visible()
    assert page.get_by_text("rows of readings: 200,000 added (0 → 200,000)").first.is_visible()
    assert page.get_by_text("Way back: exact").count() == 9
    assert (site.content(), site.version()) == (before, 2)

    page.get_by_role("link", name="Continue").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Apply 9 migrations?"
    assert page.get_by_text("rehearsed").is_visible()
    assert site.version() == 2
    page.get_by_role("button", name="Apply 9 migrations").click()
    page.wait_for_url("**/runs/*")
    page.get_by_text("9 migrations applied").wait_for(timeout=60_000)
    assert page.title() == "Done: Upgrade of the database – Migrations"
    assert page.get_by_text("Version 2 → 11").is_visible()
    assert site.version() == 11

    page.get_by_role("link", name="To the application", exact=True).click()
    assert page.get_by_role("heading").inner_text() == "4 projects"


def test_the_page_of_a_run_changes_without_being_loaded_anew(site, visit):
    site.add_slow()
    site.start()
    page = visit(expected=CLOSED)
    open_dialog(page, site)
    begin_upgrade(page)
    page.evaluate("window.sameDocument = true")

    texts = watch(page, "#progress-text", until="9 migrations applied")

    told = [found.groups() for found in map(ROWS_TEXT.search, texts) if found]
    rows, rates, left = ({values[place] for values in told} for place in range(3))
    assert len(rows) > 10 and len(rates) > 3 and len(left) > 1
    done = [int(values[0].replace(",", "")) for values in told]
    assert done == sorted(done)
    assert page.evaluate("window.sameDocument") is None  # only its end was loaded anew


def watch(page, selector, *, until):
    """Return the texts that an element of this very document has shown, until the page says `until`."""
    from playwright.sync_api import Error

    texts = []
    end = time.monotonic() + 60
    while time.monotonic() < end and not page.get_by_text(until).is_visible():
        with suppress(Error):  # in the instant in which the page is loaded anew
            found = page.evaluate("(one) => window.sameDocument && document.querySelector(one)?.textContent", selector)
            if found and found not in texts[-1:]:
                texts.append(found)
        time.sleep(0.05)
    return texts


def test_a_run_is_seen_again_after_a_reload_though_it_keeps_the_application_out(site, visit):
    site.add_slow()
    site.hold.touch()
    site.start()
    page = visit(expected=LOCKED)
    open_dialog(page, site)
    begin_upgrade(page)
    page.get_by_text("of 200,000 rows").wait_for()

    page.reload()
    assert page.get_by_role("heading", level=1).inner_text() == "▶ running Upgrade of the database"
    assert page.get_by_text("Step 9 of 9: 0011_scale_readings").is_visible()
    page.goto(f"{site.url}/migrations/history")
    assert page.get_by_role("heading").inner_text() == "A run is under way"
    page.get_by_role("link", name="See how far it is").click()
    other = visit(expected="status of 403")
    assert other.goto(page.url).status == 403  # who has not begun it is asked who he is

    site.hold.unlink()
    page.get_by_text("9 migrations applied").wait_for(timeout=60_000)
    assert site.version() == 11


def test_steps_that_wait_are_listed_too(site, visit):
    site.write(
        "0012_hold.py",
        '''
        """Wait for nothing."""

        depends_on = ["0011_scale_readings"]


        def upgrade(db):
            pass
        ''',
    )
    site.add_slow()
    site.hold.touch()
    site.start()
    page = visit(expected=LOCKED)
    open_dialog(page, site)

    for begin in (lambda: page.get_by_role("button", name="Dry run").click(), lambda: begin_upgrade(page)):
        site.hold.touch()
        page.goto(f"{site.url}/migrations/")
        begin()
        page.get_by_text("Step 9 of 10").wait_for()
        steps = page.locator("#steps li").all_inner_texts()
        assert [" ".join(step.split()) for step in steps[8:]] == [
            "▶ 0011_scale_readings running",
            "○ 0012_hold waiting",
        ]
        site.hold.unlink()
        page.get_by_role("link", name="Back to the overview").wait_for(timeout=60_000)


def test_a_migration_that_fails_leaves_the_database_and_can_be_tried_again(site, visit):
    site.add_failing()
    site.start()
    page = visit(expected=CLOSED)
    before = site.content()
    open_dialog(page, site)

    begin_upgrade(page)
    page.get_by_text("no such table: teirs").wait_for()
    assert page.title() == "Failed: Upgrade of the database – Migrations"
    facts = dict(
        zip(
            page.locator("dl.facts dt").all_inner_texts(),
            page.locator("dl.facts dd").all_inner_texts(),
            strict=True,
        )
    )
    assert facts == {
        "where": f"{site.versions}/0011_add_tiers.py:8\nINSERT INTO teirs (label) VALUES ('first')",
        "cause": "no such table: teirs",
        "unchanged": "the run was rolled back; database and ledger are as they were",
        "next": "correct the file, then: flask migrations up",
    }
    assert (site.content(), site.version()) == (before, 2)

    site.correct_failing()
    page.get_by_role("link", name="Back to the overview, to try again").click()
    assert page.get_by_text("Last here: Upgrade of the database, failed.").is_visible()
    begin_upgrade(page)
    page.get_by_text("9 migrations applied").wait_for(timeout=30_000)
    assert site.version() == 11


def test_a_snapshot_brings_version_2_back_row_by_row(site, visit):
    site.start()
    page = visit(expected=CLOSED)
    before = site.content()
    open_dialog(page, site)
    begin_upgrade(page)
    page.get_by_text("8 migrations applied").wait_for(timeout=30_000)
    assert site.content() != before

    page.get_by_role("link", name="Snapshots").click()
    page.get_by_role("link", name="Restore").click()
    assert page.get_by_text("Everything that anybody has entered since").is_visible()
    assert site.version() == 10
    page.get_by_role("button", name="Restore version 2").click()
    page.get_by_text("The database is as it was").wait_for()

    assert (site.content(), site.version()) == (before, 2)
    assert page.goto(site.url).status == 503


@pytest.mark.parametrize("name", ["bob", None], ids=["bob", "somebody who is not logged in"])
def test_who_is_no_admin_gets_nowhere(site, visit, name):
    site.start()
    page = visit(expected="status of (403|503)")
    if name:
        log_in(page, site, name)

    for path in ("", "confirm", "history", "history/1", "graph", "snapshots", "runs/0123456789abcdef"):
        assert page.goto(f"{site.url}/migrations/{path}").status == 403
        assert page.get_by_role("heading").inner_text() == "You may not migrate this database"


def test_where_events_are_blocked_the_page_asks(site, visit):
    site.add_slow()
    site.start()
    page = visit(expected=f"{CLOSED}|ERR_FAILED")
    page.route("**/events", lambda route: route.abort())
    asked = []
    page.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[-1]))
    open_dialog(page, site)
    begin_upgrade(page)
    page.evaluate("window.sameDocument = true")

    texts = watch(page, "#progress-text", until="9 migrations applied")

    assert len({found.group(1) for found in map(ROWS_TEXT.search, texts) if found}) > 2
    assert asked.count("events") == 3
    assert 2 < asked.count("state") < 30


def test_where_events_are_held_back_the_page_asks(site, visit):
    site.add_slow()
    site.hold.touch()
    site.start()
    page = visit(expected=CLOSED)
    held = []
    page.route(
        "**/events", lambda route: held.append(route)
    )  # neither answered nor refused, as by a proxy that collects
    open_dialog(page, site)
    begin_upgrade(page)

    page.get_by_text("of 200,000 rows").wait_for(timeout=10_000)

    site.hold.unlink()
    page.get_by_text("9 migrations applied").wait_for(timeout=60_000)
    assert len(held) == 1


def test_a_server_that_is_started_anew_in_the_middle(site, visit):
    site.add_slow()
    site.hold.touch()
    site.start()
    page = visit(expected=f"{LOCKED}|ERR_")
    before = site.content()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    open_dialog(page, site)
    begin_upgrade(page)
    page.get_by_text("of 200,000 rows").wait_for()

    site.kill()
    page.get_by_text("The server does not answer.").wait_for()
    asked.clear()
    time.sleep(5)
    assert len(asked) < 5
    site.start()

    # For a while the run may be another process's; then it is known that this one is gone.
    page.get_by_text("the process that ran this is gone").wait_for(timeout=60_000)
    asked.clear()
    time.sleep(2)
    assert asked == []
    page.get_by_role("link", name="Back to the overview").click()
    assert page.get_by_role("heading", level=1).inner_text() == "○ pending The database needs 9 migrations"
    assert (site.content(), site.version()) == (before, 2)


def test_three_tabs_see_one_run_and_nobody_begins_a_second(site, visit):
    site.add_slow(pause_s=0.01)
    site.hold.touch()
    site.start()
    page = visit(expected=f"{LOCKED}|status of 409")
    open_dialog(page, site)
    tabs = [page.context.new_page() for _ in range(2)]
    question = tabs[1]
    question.goto(f"{site.url}/migrations/confirm")
    page.get_by_role("button", name="Dry run").click()
    page.get_by_text("Step 9 of 9").wait_for()

    question.get_by_role("button", name="Apply").click()
    assert question.get_by_text("a run is under way already").is_visible()
    assert question.get_by_text("Dry run on a private copy is under way.").is_visible()
    screenshot(question, "70-a-second-run-is-not-begun")
    for tab in tabs:
        tab.goto(page.url)
    everybody = [page, *tabs]
    site.hold.unlink()
    for tab in everybody:
        tab.get_by_text("200,000 rows, ").wait_for()
    for tab in everybody:
        tab.get_by_text("In all").wait_for(timeout=60_000)

    assert site.version() == 2


def test_without_javascript_all_of_it_works(site, visit):
    site.add_slow()
    site.start()
    page = visit(expected=CLOSED, java_script_enabled=False)
    open_dialog(page, site)

    page.get_by_role("button", name="Dry run").click()
    page.locator("noscript p").wait_for()  # its words: every 2 seconds
    page.get_by_text("In all").wait_for(timeout=60_000)
    page.get_by_role("link", name="Continue").click()
    page.get_by_role("button", name="Apply 9 migrations").click()
    page.wait_for_url("**/runs/*")
    seen = set()
    end = time.monotonic() + 60
    while time.monotonic() < end and not page.get_by_text("9 migrations applied").is_visible():
        seen.add(
            page.locator("#progress-text").first.inner_text(timeout=5_000) if page.locator("#live").count() else ""
        )
        time.sleep(0.3)

    assert len({found.group(1) for found in map(ROWS_TEXT.search, seen) if found}) > 1
    assert site.version() == 11


def test_a_plan_that_changed_after_it_was_shown_is_not_run(site, visit):
    site.start()
    page = visit(expected=CLOSED)
    open_dialog(page, site)
    page.get_by_role("link", name="Continue").click()
    site.add_failing()

    page.get_by_role("button", name="Apply 8 migrations").click()
    page.get_by_text("the plan is not the one that you have confirmed").wait_for()

    assert site.version() == 2
    wait_until(lambda: "plan-moved" in site.log())
