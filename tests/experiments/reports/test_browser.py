"""The page of a report in a real browser: nothing is reported or asked for, its tables sort."""

import shutil

import pytest

from tests.experiments.reports.conftest import BASE, result

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium")


def test_it_opens_without_a_word_and_sorts(sweep):
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    bad = "<img src=x onerror=alert(1)>"
    layout = {"title": bad, "labels": {"adapter.rank": {1: bad}}}
    swept = sweep(
        base={**BASE, "task": "stsb"}, grid={"adapter.rank": [1, 2, 4]}, seeds=[0, 1], report=layout
    )
    place = swept.fill(
        lambda run: result([0, 0.5, 0.9, 0, 0.7][run.adapter.rank], trained=run.adapter.rank * 1000)
    ).report()
    complaints = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda sent: complaints.append(sent.url) if sent.url.startswith("http") else None)
        page.goto((place / "report.html").as_uri())
        assert page.locator("h1").inner_text() == bad
        table = page.locator("table").first
        assert table.locator("td.best").all_inner_texts() == ["90.0 ± 0.0"]
        table.locator("thead button").nth(2).click()
        assert table.locator("tbody td:nth-child(3)").all_inner_texts() == [
            "90.0 ± 0.0",
            "70.0 ± 0.0",
            "50.0 ± 0.0",
        ]
        for image in page.locator("img").all():
            assert image.evaluate("one => one.naturalWidth") > 300
        page.set_viewport_size({"width": 700, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        browser.close()
    assert complaints == []
