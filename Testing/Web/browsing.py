"""What a user does and sees on the viewer's page, for the tests."""

import io
import os
import time

import nibabel
import numpy as np
from PIL import Image
from playwright.sync_api import expect

PROGRAM = os.environ["FRUGALSEG_PROGRAM"]
CHROMIUM = os.environ.get("FRUGALSEG_CHROMIUM", "/usr/bin/chromium")
MODEL = "liver-t2"
PATIENCE = int(os.environ.get("FRUGALSEG_PATIENCE", 60_000))  # ms, for loaded machines; a quiet one needs a second or two
NOTICE = "Research software, not a medical device"
USABLE, REFUSED, LONG = "FrugalSeg abdominal phantom T2", "One slice missing", "Many slices"
# views in the order of the page, with the axes (R, A, S) that run across and down, and the fixed one
AXIAL, SURFACE, CORONAL, SAGITTAL = range(4)
SLICE_VIEWS = {AXIAL: (0, 1, 2), CORONAL: (0, 2, 1), SAGITTAL: (1, 2, 0)}


def entry(page, description):
    return page.locator("#series-list .v-list-item").filter(has_text=description)


def open_series(page, description):
    entry(page, description).click()
    expect(entry(page, description)).to_have_attribute("aria-current", "true")
    expect(page.locator("#segment")).to_be_enabled()


def message(page):
    return page.locator("#message")


def views(page):
    return page.locator("main img.image-display-area").all()


def coloured_pixels(page):
    """Pixels with the liver's colour in each of the four views (an MR image itself is grey)."""
    counts = []
    for view in views(page):
        rgb = np.asarray(Image.open(io.BytesIO(view.screenshot())).convert("RGB"), dtype=int)
        counts.append(int((rgb[..., 0] - rgb[..., 2] > 25).sum()))
    return counts


def wait_until(condition, page):
    end = time.monotonic() + PATIENCE / 1000
    while not condition():
        assert time.monotonic() < end
        page.wait_for_timeout(200)


def volume(page):
    return float(page.locator("#volume-ml").inner_text())


def segment(page):
    """Press Segment and wait for the result."""
    page.locator("#segment").click()
    expect(page.locator("#cancel")).to_have_count(0)
    expect(page.locator("#volume-ml")).to_be_visible()


def expected_pixels(page, mask_file):
    """Least and most coloured pixels that each slice view must show when it is fitted to the image and
    lies in the middle of the mask; the middle may be between two slices."""
    image = nibabel.as_closest_canonical(nibabel.load(mask_file))
    mask, spacing = np.asarray(image.dataobj) > 0, np.array(image.header.get_zooms())
    extent = np.array(mask.shape) * spacing
    expected = {}
    for index, (across, down, fixed) in SLICE_VIEWS.items():
        box = views(page)[index].bounding_box()
        mm_per_pixel = max(extent[across] / box["width"], extent[down] / box["height"])
        found = np.flatnonzero(mask.any(axis=(across, down)))
        middle = (found[0] + found[-1]) / 2
        areas = [
            mask.take(i, axis=fixed).sum() * spacing[across] * spacing[down] / mm_per_pixel**2
            for i in {int(np.floor(middle)), int(np.ceil(middle))}
        ]
        expected[index] = min(areas), max(areas)
    return expected


def stroke(page, place, length=20):
    """Draw a stroke in the axial view, starting at `place` (fractions of its width and height)."""
    box = views(page)[AXIAL].bounding_box()
    x, y = box["x"] + place[0] * box["width"], box["y"] + place[1] * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + length, y, steps=4)
    page.mouse.up()


IN_LIVER, BESIDE_LIVER = (0.28, 0.47), (0.60, 0.62)
