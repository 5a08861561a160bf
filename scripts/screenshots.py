"""Take pictures of a report page: light and dark, on a phone and on a desktop.

Needs playwright and a Chromium on the PATH, as the tests of the page do. The page of the demo:

  spikeformers demo
  spikeformers report demo/spikformer --limit 360 --out demo/page
  python scripts/screenshots.py demo/page/index.html docs/images
"""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SWITCHES = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
)  # fmt: skip
VIEWS = {"desktop": 1280, "phone": 390}
INKS, APART = 40, 18  # colours of the pictures, which keeps files small, and the least distance between them


def main() -> None:
    """Read the arguments and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path, help="HTML file")
    parser.add_argument("out", type=Path, help="directory of the pictures")
    words = parser.parse_args()
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        parser.error(f"no browser on PATH: {', '.join(BROWSERS)}. On Debian: apt-get install chromium")
    words.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=list(SWITCHES))
        for name, width in VIEWS.items():
            for scheme in ("light", "dark"):
                file = words.out / f"report-{name}-{scheme}.png"
                picture = taken(browser, words.page, width, scheme)
                picture.save(file, optimize=True)
                print(f"{file}: {picture.width} x {picture.height}, {file.stat().st_size / 1000:.0f} kB")
        browser.close()


def taken(browser: Browser, page: Path, width: int, scheme: str) -> Image.Image:
    """The whole page from top to bottom."""
    view = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    view.goto(page.resolve().as_uri())
    picture = Image.open(io.BytesIO(view.screenshot(full_page=True))).convert("RGB")
    view.close()
    return in_few_inks(picture)


def in_few_inks(picture: Image.Image) -> Image.Image:
    """The picture in its most frequent colours that differ from each other; all others become the nearest of them.

    The quantisers of Pillow average colours, which would turn the few orange marks of a page brown.
    """
    pixels = np.asarray(picture).reshape(-1, 3).astype(np.int64)
    colours, where, counts = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    inks: list[np.ndarray] = []
    for colour in colours[np.argsort(-counts)]:
        if len(inks) < INKS and all(((colour - ink) ** 2).sum() > APART**2 for ink in inks):
            inks.append(colour)
    nearest = ((colours[:, None] - np.array(inks)) ** 2).sum(2).argmin(1).astype(np.uint8)
    few = Image.fromarray(nearest[where.ravel()].reshape(picture.height, picture.width), mode="P")
    few.putpalette(np.array(inks, dtype=np.uint8).tobytes())
    return few


if __name__ == "__main__":
    main()
