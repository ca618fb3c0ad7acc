"""The pages in a real browser: nothing is reported, every picture is there, the tables sort."""

import shutil
from pathlib import Path

import pytest

from experiments import cli

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium")


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(shelf, tmp_path_factory):
    folder = tmp_path_factory.mktemp("seiten")
    runs = [str(shelf / name) for name in ("seed 0", "seed 1")]
    for command in ("analyze", "compare"):
        assert cli.main([command, *runs, "--output", str(folder / command)]) == 0
    return folder


@pytest.fixture(params=["analyze", "compare"])
def page(request, browser, pages):
    """A page that is open, and what it has complained of or asked the network for."""
    opened = browser.new_page()
    complaints = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda sent: complaints.append(sent.url) if sent.url.startswith("http") else None)
    opened.goto(Path(pages / request.param / "report.html").as_uri())
    yield opened
    opened.close()
    assert complaints == []


def column(page, number):
    cells = page.locator("table").first.locator(f"tbody td:nth-child({number})")
    return cells.all_text_contents()


def test_every_image_has_a_size(page):
    images = page.locator("img").all()
    assert len(images) >= 4
    for image in images:
        natural, shown = image.evaluate("one => [one.naturalWidth, one.getBoundingClientRect().width]")
        assert natural > shown > 100


def test_tables_sort_by_numbers_and_by_text(page):
    heads = page.locator("table").first.locator("thead button")
    names = heads.all_text_contents()
    number = names.index("rank" if "rank" in names else "φ(1,1)") + 1
    before = column(page, number)
    heads.nth(number - 1).click()
    values = [float(text) for text in column(page, number)]
    assert sorted(values, reverse=True) == values
    assert sorted(before) == sorted(column(page, number))
    heads.nth(number - 1).click()
    assert sorted(values) == [float(text) for text in column(page, number)]
    assert page.locator("th[aria-sort]").count() == 1
    module = names.index("module") + 1
    heads.nth(module - 1).click()
    assert column(page, module) == sorted(column(page, module))


def test_it_fits_its_window(page):
    page.set_viewport_size({"width": 700, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_names_that_are_markup_run_nothing(browser, pages, shelf, tmp_path):
    bad = tmp_path / "<img src=x onerror=alert(1)>"
    shutil.copytree(shelf / "lora", bad)
    assert cli.main(["analyze", str(bad), "--output", str(tmp_path / "out")]) == 0
    opened = browser.new_page()
    opened.on("dialog", lambda dialog: pytest.fail(dialog.message))
    opened.goto((tmp_path / "out" / "report.html").as_uri())
    assert "<img src=x onerror=alert(1)>" in opened.locator("h1").inner_text()
    opened.close()
