"""Each page in each of its states: what axe finds, that nothing scrolls sideways, and a picture to look at.

Light and dark, on a desk and in a hand. The pictures are in screenshots/, in the order of the story.
"""

from __future__ import annotations

import re
import shutil

import pytest
from browser.served import (
    NARROW,
    WIDE,
    begin_upgrade,
    log_in,
    open_dialog,
    screenshot,
    wait_until,
)

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture
def look():
    """Look at a page in both colour schemes and both widths; the faults that are found fail the test at its end."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="the pages were not judged: pip install '.[browser]'"
    ).Axe()
    faults = []

    def look_at(page, name):
        for width, size in (("wide", WIDE), ("narrow", NARROW)):
            page.set_viewport_size(size)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                screenshot(page, f"{name}-{scheme}-{width}")
                where = f"{name}, {scheme}, {width}"
                faults.extend(f"{where}: {fault}" for fault in faults_of(axe, page))
                if sideways(page):
                    faults.append(f"{where}: the page scrolls sideways")
        page.set_viewport_size(WIDE)
        page.emulate_media(color_scheme="light")

    yield look_at
    assert "\n".join(faults) == ""


def faults_of(axe, page):
    found = axe.run(page, options={"runOnly": TAGS, "resultTypes": ["violations"]}).response["violations"]
    return [f"{fault['id']}: {node['html'][:150]}" for fault in found for node in fault["nodes"]]


def sideways(page):
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


def open_all_details(page):
    page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")


def test_from_the_closed_application_to_the_question(site, visit, look):
    site.add_slow(pause_s=0)
    site.start()
    page = visit(expected="status of (403|503)")

    page.goto(site.url)
    look(page, "01-the-application-is-closed")
    log_in(page, site, "bob")
    page.goto(f"{site.url}/migrations/")
    look(page, "02-bob-may-not-migrate")
    open_dialog(page, site)
    look(page, "03-ann-sees-what-is-pending")
    open_all_details(page)
    look(page, "04-what-stands-in-the-files")
    page.get_by_role("link", name="Continue").click()
    look(page, "05-the-question-before-a-dry-run")
    page.goto(f"{site.url}/migrations/history")
    look(page, "06-the-history-of-the-old-system")
    page.goto(f"{site.url}/migrations/snapshots")
    look(page, "07-no-snapshots-yet")


def test_a_dry_run(site, visit, look):
    site.add_slow()
    site.hold.touch()
    site.start()
    page = visit(expected="status of 503")
    open_dialog(page, site)

    page.get_by_role("button", name="Dry run").click()
    page.get_by_text("Step 9 of 9").wait_for()
    look(page, "10-a-dry-run-is-under-way")
    site.hold.unlink()
    page.get_by_text("In all").wait_for(timeout=60_000)
    look(page, "11-the-report-of-the-dry-run")
    open_all_details(page)
    look(page, "12-the-report-with-all-its-statements")
    page.get_by_role("link", name="Back to the overview").click()
    look(page, "13-the-overview-after-the-dry-run")
    page.get_by_role("link", name="Continue").click()
    look(page, "14-the-question-after-a-dry-run")


def test_the_run_and_what_comes_after_it(site, visit, look):
    site.add_slow()
    site.hold.touch()
    site.start()
    page = visit(expected="status of (503|409|404)")
    open_dialog(page, site)

    begin_upgrade(page)
    run = page.url
    page.get_by_text("Step 9 of 9").wait_for()
    look(page, "20-the-upgrade-is-under-way")
    page.goto(f"{site.url}/migrations/")
    look(page, "21-the-overview-meanwhile")
    site.hold.unlink()
    page.goto(run)
    page.get_by_text("9 migrations applied").wait_for(timeout=60_000)
    look(page, "22-the-upgrade-is-done")
    page.get_by_role("link", name="Back to the overview").click()
    look(page, "23-up-to-date")
    page.get_by_role("link", name="History").click()
    look(page, "24-the-history")
    page.get_by_role("link", name="0011_scale_readings").first.click()
    look(page, "25-one-migration")
    page.get_by_role("link", name="Graph").click()
    look(page, "26-the-graph")
    open_all_details(page)
    look(page, "27-the-graph-as-a-table")
    page.get_by_role("link", name="Snapshots").click()
    look(page, "28-the-snapshots")
    page.get_by_role("button", name="Verify all").click()
    page.get_by_text("1 checked, 0 damaged").wait_for()
    look(page, "29-the-snapshots-are-whole")
    page.get_by_role("link", name="Snapshots").click()
    page.get_by_role("link", name="Restore").click()
    look(page, "30-the-question-before-a-restore")
    page.get_by_role("button", name="Restore").click()
    page.get_by_text("The database is as it was").wait_for()
    look(page, "31-restored")
    page.goto(f"{site.url}/migrations/runs/0123456789abcdef")
    look(page, "32-a-run-that-is-not-known")


def test_a_migration_that_fails(site, visit, look):
    site.add_failing()
    site.start()
    page = visit(expected="status of 503")
    open_dialog(page, site)

    page.get_by_role("button", name="Dry run").click()
    page.get_by_text("no such table: teirs").first.wait_for()
    look(page, "40-the-dry-run-fails")
    page.get_by_role("link", name="Back to the overview").click()
    begin_upgrade(page)
    page.get_by_text("no such table: teirs").first.wait_for()
    look(page, "41-the-upgrade-fails")
    page.get_by_role("link", name="Back to the overview").click()
    look(page, "42-the-overview-after-the-failure")


def test_what_stands_in_the_way(site, visit, look):
    site.start()
    page = visit(expected="status of (503|409|404|500)")
    open_dialog(page, site)
    begin_upgrade(page)
    page.get_by_text("8 migrations applied").wait_for(timeout=30_000)

    applied = site.versions / "0010_add_engineer_role.py"
    text = applied.read_text(encoding="utf-8")
    applied.write_text(text.replace("'Engineer'", "'Engineering'"), encoding="utf-8")
    page.goto(f"{site.url}/migrations/")
    look(page, "50-a-file-was-changed")
    page.goto(f"{site.url}/migrations/history/10")
    look(page, "51-how-the-file-differs")
    applied.unlink()
    page.goto(f"{site.url}/migrations/")
    look(page, "52-the-database-is-newer")
    site.write("0010_wrong.py", "def upgrade(db:\n")
    site.write("0012_unnamed.py", 'depends_on = ["0099_nothing"]\n')
    page.goto(f"{site.url}/migrations/")
    look(page, "53-files-that-cannot-be-read")
    page.goto(f"{site.url}/migrations/graph")
    look(page, "54-the-graph-of-such-files")
    page.goto(f"{site.url}/migrations/history/99")
    look(page, "55-a-migration-that-is-not-known")


def test_an_interrupted_migration(site, visit, look):
    site.write(
        "0011_fill_in_batches.py",
        f'''
        """Fill in batches that stay."""

        import os
        import time

        depends_on = ["0010_add_engineer_role"]
        transaction = "none"


        def upgrade(db):
            db.transform("projects", noted, reads=["project_id"], writes=["notes"], batch=1)


        def noted(project_id):
            while os.path.exists({str(site.hold)!r}) and project_id > 4:
                time.sleep(0.02)
            return f"project {{project_id}}"
        ''',
    )
    site.hold.touch()
    site.start()
    page = visit(expected="status of 503|ERR_|Failed to load")
    open_dialog(page, site)

    begin_upgrade(page)
    page.get_by_text("Step 9 of 9").wait_for()
    wait_until(lambda: site.version() == 10)
    site.kill()
    page.get_by_text("The server does not answer").wait_for()
    look(page, "60-the-server-does-not-answer")
    site.hold.unlink()
    shutil.rmtree(site.temporary, ignore_errors=True)
    site.temporary.mkdir()
    site.start()
    page.goto(f"{site.url}/migrations/")
    look(page, "61-interrupted")
    page.get_by_role("button", name="Go on with it").click()
    page.get_by_text("1 migration applied").wait_for()
    look(page, "62-gone-on-with")


LIVE_REGIONS = """
    document.addEventListener("DOMContentLoaded", () => {
        for (const one of document.querySelectorAll("[aria-live], [role=status], [role=alert], [role=log]")) {
            const tell = () => one.textContent && said(one.textContent);
            new MutationObserver(tell).observe(one, { childList: true, characterData: true, subtree: true });
        }
    });
"""


def test_what_is_read_aloud_are_the_steps_and_not_every_row(site, visit):
    site.add_slow()
    site.start()
    page = visit(expected="status of 503")
    said = []
    page.expose_function("said", lambda text: said.append(text))
    page.add_init_script(LIVE_REGIONS)
    open_dialog(page, site)

    begin_upgrade(page)
    page.get_by_text("9 migrations applied").wait_for(timeout=60_000)

    assert "Step 9 of 9: 0011_scale_readings" in said
    known = re.compile(r"Reading files and ledger|Preparing|Taking the snapshot|Step \d of 9: \d{4}_\w+|Done")
    assert [text for text in said if not known.fullmatch(text)] == []
    assert len(said) == len(set(said))
