"""By keyboard alone: from the address to the end, and at each stop one sees where one is."""

from __future__ import annotations

from itertools import pairwise

from browser.served import NARROW
from web.application import PASSWORD

MOST_STOPS = 60
FOCUSED = """
    () => {
        const one = document.activeElement;
        const ring = one.closest("svg") && one.querySelector(".ring"); // in a picture, the line around a box
        const style = getComputedStyle(one);
        const box = one.getBoundingClientRect();
        return {
            tag: one.localName,
            text: (one.getAttribute("aria-label") || one.innerText || "").trim().split("\\n")[0],
            outline: ring ? (getComputedStyle(ring).stroke !== "none") * parseFloat(getComputedStyle(ring).strokeWidth)
                : style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
            shown: box.width > 0 && box.height > 0 && box.right > 0 && box.bottom > 0
                && box.top < innerHeight && box.left < innerWidth,
            top: box.top + scrollY,
            box: [box.left, box.top, box.right, box.bottom, innerWidth, innerHeight].map(Math.round),
            order: [...document.querySelectorAll("*")].indexOf(one),
        };
    }
"""


def tab(page):
    """Go on to the next stop, and return what is there: it has to be seen, and seen to be the one."""
    page.keyboard.press("Tab")
    found = page.evaluate(FOCUSED)
    if found["tag"] != "body":  # behind the last stop, or it begins anew at once
        assert found["outline"] >= 2 and found["shown"], found["box"]
    return found


def tab_to(page, text):
    for _ in range(MOST_STOPS):
        found = tab(page)
        if found["text"].startswith(text):
            return found
    raise AssertionError(f"no way to {text!r} by Tab")


def come_to_the_dialog(page, site):
    page.goto(f"{site.url}/login")
    page.keyboard.press("Tab")
    page.keyboard.type("ann")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.url}/")
    tab_to(page, "Open the migration dialog")
    page.keyboard.press("Enter")
    page.wait_for_url("**/migrations/")


def test_from_the_address_to_the_end(site, visit):
    site.start()
    page = visit(expected="status of 503")
    come_to_the_dialog(page, site)

    tab_to(page, "Dry run")
    page.keyboard.press("Space")
    page.get_by_text("In all").wait_for(timeout=30_000)

    statements = tab_to(page, "30 statements")
    assert statements["tag"] == "summary"
    table = page.get_by_role("region", name="Statements of 0003_add_clients_crm")
    for key, opened in (("Enter", True), ("Space", False), ("Space", True)):
        page.keyboard.press(key)
        assert table.is_visible() == opened
    assert tab(page)["text"] == "Statements of 0003_add_clients_crm"

    tab_to(page, "Continue")
    page.keyboard.press("Enter")
    page.wait_for_url("**/confirm")
    tab_to(page, "Apply 8 migrations")
    page.keyboard.press("Space")
    page.get_by_text("8 migrations applied").wait_for(timeout=30_000)
    assert site.version() == 10

    tab_to(page, "snapshot")
    page.keyboard.press("Enter")
    page.wait_for_url("**/restore")
    tab_to(page, "Restore version 2")
    page.keyboard.press("Enter")
    page.get_by_text("The database is as it was").wait_for(timeout=30_000)
    assert site.version() == 2


def test_the_skip_link_is_the_first_stop_and_leads_past_the_head(site, visit):
    site.start()
    page = visit(expected="status of 503")
    come_to_the_dialog(page, site)

    assert tab(page)["text"] == "Skip to the content"
    page.keyboard.press("Enter")

    assert tab(page)["text"] == "Dry run"


def test_the_order_of_the_stops_is_that_of_reading(site, visit):
    site.start()
    page = visit(expected="status of 503")
    come_to_the_dialog(page, site)

    for path in ("", "confirm", "history", "graph", "snapshots"):
        for size in (page.viewport_size, NARROW):
            page.set_viewport_size(size)
            page.goto(f"{site.url}/migrations/{path}")
            page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
            stops = [tab(page)]
            while (stop := tab(page))["order"] != stops[0]["order"] and stop["tag"] != "body":
                stops.append(stop)
            order, tops = ([stop[what] for stop in stops[1:]] for what in ("order", "top"))
            assert len(stops) > 5
            assert order == sorted(order)
            if path != "graph":  # in the picture a branch comes after the other, and not a row after the other
                assert all(later > earlier - 12 for earlier, later in pairwise(tops)), (path, stops)
