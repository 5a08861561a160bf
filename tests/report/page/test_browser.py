"""The page in a real browser, opened from the disk: on a phone and a desktop, in light and dark, on paper."""

from __future__ import annotations

import re
import shutil

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SWITCHES = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
)  # fmt: skip
# A phone in the dark and a desktop in the light at once, the other two with the slow tests.
VIEWS = [
    (390, "dark"),
    (1280, "light"),
    pytest.param((390, "light"), marks=pytest.mark.slow),
    pytest.param((1280, "dark"), marks=pytest.mark.slow),
]

# Every piece of text with its colour and the colour behind it; both are opaque on this page.
TEXTS = """() => {
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (colour !== "rgba(0, 0, 0, 0)") return colour;
    }
    return "rgb(255, 255, 255)";
  };
  return [...document.querySelectorAll("main *:not(svg *)")]
    .filter((each) => [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()))
    .filter((each) => each.getClientRects().length)
    .map((each) => [each.textContent.slice(0, 30), getComputedStyle(each).color, behind(each)]);
}"""


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser on PATH: {', '.join(BROWSERS)}")
    with playwright.sync_playwright() as play:
        launched = play.chromium.launch(executable_path=program, args=list(SWITCHES))
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def file(both, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(both[0], encoding="utf-8")
    return path


@pytest.fixture(params=VIEWS, ids="{0[0]}-{0[1]}".format)
def view(request, browser, file):
    """The open page, with what it asked for and complained about."""
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.asked, page.complaints = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(file.as_uri())
    yield page
    context.close()


def open_all(page):
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")


def test_it_asks_for_nothing_and_complains_about_nothing(view, file):
    open_all(view)
    assert [url for url in view.asked if not url.startswith("data:")] == [file.as_uri()]
    assert view.complaints == []


def test_it_never_scrolls_sideways(view):
    for _ in ("closed", "open"):
        assert view.evaluate("document.documentElement.scrollWidth") <= view.viewport_size["width"]
        open_all(view)


def test_every_figure_is_visible(view):
    open_all(view)
    sizes = view.evaluate(
        "[...document.querySelectorAll('figure svg')].map((each) => [each.clientWidth, each.clientHeight])"
    )
    assert len(sizes) >= 20
    assert all(width > 250 and height > 80 for width, height in sizes)


def test_no_text_of_a_figure_is_cut(view):
    open_all(view)
    cut = view.evaluate(
        """() => [...document.querySelectorAll("figure svg")].flatMap((svg) => {
          const outer = svg.getBoundingClientRect();
          return [...svg.querySelectorAll("text")].filter((each) => {
            const inner = each.getBoundingClientRect();
            return inner.left < outer.left - 2 || inner.right > outer.right + 2 || inner.top < outer.top - 2
              || inner.bottom > outer.bottom + 2;
          }).map((each) => each.textContent);
        })"""
    )
    assert cut == []


def test_text_stands_out_from_what_is_behind_it(view):
    open_all(view)
    texts = view.evaluate(TEXTS)
    assert len(texts) > 200
    weak = [(text, round(contrast(ink, paper), 2)) for text, ink, paper in texts if contrast(ink, paper) < 4.5]
    assert weak == []


def test_figures_follow_the_mode(view):
    ink, paper = view.evaluate(
        """() => [getComputedStyle(document.querySelector("figure svg text")).fill,
                  getComputedStyle(document.querySelector("section")).backgroundColor]"""
    )
    assert contrast(ink, paper) >= 4.5


def test_parts_open_and_tables_sort(view):
    part = view.locator("details").filter(has_text="Every operation, call by call").first
    assert part.get_attribute("open") is None
    part.locator("summary").click()
    assert part.get_attribute("open") is not None
    header = part.locator("th button", has_text="exact")
    header.click()
    cells = "(table) => [...table.tBodies[0].rows].map((row) => Number(row.cells[8].dataset.value))"
    values = part.locator("table").evaluate(cells)
    assert len(values) > 20
    assert values == sorted(values, reverse=True)
    header.click()
    assert part.locator("table").evaluate(cells) == sorted(values)


@pytest.mark.parametrize(("motion", "moves"), [("no-preference", True), ("reduce", False)])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_recording_moves_unless_less_motion_is_wanted(browser, event_page, tmp_path, motion, moves, width):
    path = tmp_path / "index.html"
    path.write_text(event_page, encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion=motion)
    page = context.new_page()
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(path.as_uri())
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    assert complaints == []
    film, still = page.locator(".film img"), page.locator(".film svg")
    assert (film.is_visible(), still.is_visible()) == (moves, not moves)
    assert film.evaluate("(image) => image.complete && image.naturalWidth > 300")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.emulate_media(media="print")
    assert (film.is_visible(), still.is_visible()) == (False, True)
    context.close()


def test_without_scripts_everything_is_there(browser, file, view):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator("section").count() == view.locator("section").count()
    assert page.locator("th button").count() == 0
    page.locator("summary").first.click()
    assert page.locator("details[open]").count() == 1
    context.close()


def test_on_paper_it_is_black_on_white(browser, file):
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(file.as_uri())
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    context.close()


def contrast(one: str, other: str) -> float:
    """Of two colours as a browser writes them, by WCAG 2."""
    light, dark = sorted(map(luminance, (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [float(part) / 255 for part in re.findall(r"[\d.]+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
