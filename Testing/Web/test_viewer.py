"""The viewer as its user sees it: a headless browser opens a study, segments, cancels, exports.

Environment: FRUGALSEG_VIEWER (launcher), FRUGALSEG_PROGRAM (makes phantoms, segments independently),
FRUGALSEG_PICTURES (folder for screenshots), FRUGALSEG_CHROMIUM (browser, default Debian's).
"""

import io
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

import nibabel
import numpy as np
import pydicom
import pytest
from PIL import Image
from playwright.sync_api import expect, sync_playwright

PROGRAM = os.environ["FRUGALSEG_PROGRAM"]
CHROMIUM = os.environ.get("FRUGALSEG_CHROMIUM", "/usr/bin/chromium")
PICTURES = pathlib.Path(os.environ["FRUGALSEG_PICTURES"])
MODEL = "liver-t2"
PATIENCE = 60_000  # ms, for loaded machines; a quiet one needs a second or two
NOTICE = "Research use only - not a medical device"
USABLE, REFUSED, LONG = "FrugalSeg abdominal phantom T2", "One slice missing", "Many slices"


def synth(folder, *options):
    subprocess.run([PROGRAM, "synth", "--out", folder, "--seed", "3", "--quiet", *options], check=True)
    return sorted((folder / "dicom").iterdir())


def copy_as_series(files, folder, number, description):
    folder.mkdir()
    for file in files:
        image = pydicom.dcmread(file)
        image.SeriesInstanceUID += f".{number}"
        image.SOPInstanceUID += f".{number}"
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.SeriesDescription = description
        image.save_as(folder / file.name)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A folder with a good series, the same with a slice missing, and one that takes seconds."""
    root = tmp_path_factory.mktemp("study")
    good = synth(root / "good", "--size", "128", "--spacing", "2.8", "--slices", "20", "--slice-spacing", "10")
    long = synth(root / "long", "--size", "192", "--spacing", "1.9", "--slices", "200", "--slice-spacing", "1")
    folder = root / "dicom"
    folder.mkdir()
    for file in good:
        (folder / file.name).symlink_to(file)
    copy_as_series(good[:9] + good[10:], folder / "broken", 1, REFUSED)
    copy_as_series(long, folder / "long", 2, LONG)
    return folder


@pytest.fixture(scope="module")
def viewer(study, tmp_path_factory):
    """The running viewer: its address, process and folder for exports."""
    out = tmp_path_factory.mktemp("out") / "exports"
    log = out.parent / "viewer.log"
    command = [os.environ["FRUGALSEG_VIEWER"], study, "--model", MODEL, "--out", out, "--no-browser"]
    with open(log, "w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + PATIENCE / 1000
        address = None
        while not address:
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            address = re.search(r"http://127\.0\.0\.1:(\d+)/", log.read_text())
            time.sleep(0.1)
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(address[1]))) == 0:
                    break
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        yield type("Viewer", (), dict(url=address[0], port=int(address[1]), process=process, out=out))
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)
        sys.stdout.write(log.read_text())


@pytest.fixture(scope="module")
def browser():
    assert os.access(CHROMIUM, os.X_OK), "no browser; run ThirdParty/bootstrap.sh --tests"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, viewer):
    """The viewer's page; afterwards: no error of ours, and no host but the viewer was asked."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    errors, requests = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console", lambda m: errors.append(f"{m.text} {m.location['url']}") if m.type == "error" else None
    )
    page.on("request", lambda request: requests.append(request.url))
    page.on("websocket", lambda socket_: requests.append(socket_.url))
    page.goto(viewer.url)
    page.wait_for_selector("#series-0")
    yield page
    page.close()
    # trame's client asks once whether a launcher of sessions is there; there is none
    assert [e for e in errors if not e.rstrip().endswith("/paraview/")] == []
    own = (viewer.url, viewer.url.replace("http:", "ws:"), "data:", "blob:")
    assert requests and [url for url in requests if not url.startswith(own)] == []


def entry(page, description):
    return page.locator("#series-list .v-list-item").filter(has_text=description)


def open_series(page, description):
    entry(page, description).click()
    expect(entry(page, description)).to_have_attribute("aria-current", "true")
    expect(page.locator("#segment")).to_be_enabled()


def coloured_pixels(page):
    """Pixels with the liver's colour in each of the four views (an MR image itself is grey)."""
    counts = []
    for view in page.locator("main img.image-display-area").all():
        rgb = np.asarray(Image.open(io.BytesIO(view.screenshot())).convert("RGB"), dtype=int)
        counts.append(int((rgb[..., 0] - rgb[..., 2] > 25).sum()))
    return counts


def wait_until(condition, page):
    end = time.monotonic() + PATIENCE / 1000
    while not condition():
        assert time.monotonic() < end
        page.wait_for_timeout(200)


def picture(page, name):
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")


def test_serves_this_computer_only(viewer):
    listening = [
        line.split()[1].split(":")[0]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        if os.path.exists(table)
        for line in open(table)
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{viewer.port:04X}")
    ]
    assert listening == ["0100007F"]


def test_series_are_listed_with_verdict_and_reason(page):
    expect(page.locator("#notice")).to_have_text(NOTICE)
    expect(entry(page, USABLE)).to_contain_text("usable")
    expect(entry(page, REFUSED)).to_contain_text("cannot be used: 1 slice is missing")
    expect(page.locator("#segment")).to_be_disabled()
    picture(page, "viewer-series")


def test_refused_series_cannot_be_opened(page):
    refused = entry(page, REFUSED)
    expect(refused).to_have_attribute("aria-disabled", "true")
    refused.click(force=True)
    page.wait_for_timeout(500)
    expect(refused).to_have_attribute("aria-current", "false")
    # nor by a client that does not care about disabled entries
    page.evaluate(
        "i => trame.trigger('frugalseg_open', [trame.state.state.fs_series[i].uid])",
        int(refused.get_attribute("id").removeprefix("series-")),
    )
    expect(page.locator("#message")).to_contain_text("cannot be opened: 1 slice is missing")
    expect(page.locator("#segment")).to_be_disabled()


def test_cancelled_run_leaves_no_segment_and_the_viewer_usable(page):
    open_series(page, LONG)
    page.evaluate(
        """() => {
            const press = () => document.getElementById('cancel')?.click();
            new MutationObserver(press).observe(document.body, {childList: true, subtree: true});
        }"""
    )
    page.locator("#segment").click()
    expect(page.locator("#message")).to_contain_text("was cancelled")
    expect(page.locator("#segment")).to_be_enabled()
    expect(page.locator("#result")).to_have_count(0)


def test_progress_is_shown_while_the_page_stays_usable(page):
    open_series(page, LONG)
    page.evaluate(
        """() => {
            window.stages = new Set();
            const look = () => { const s = document.getElementById('stage'); if (s) stages.add(s.innerText); };
            new MutationObserver(look).observe(document.body,
                {childList: true, subtree: true, characterData: true});
        }"""
    )
    page.locator("#segment").click()
    expect(page.locator("#volume-ml")).to_be_visible()
    assert len(page.evaluate("[...stages]")) > 2, "the progress moves"
    expect(page.locator("#cancel")).to_have_count(0)


def test_segment_is_drawn_measured_and_exported(page, viewer, study, tmp_path):
    open_series(page, USABLE)
    expect(page.locator("#result")).to_have_count(0)
    wait_until(lambda: max(coloured_pixels(page)) == 0, page)

    page.locator("#segment").focus()  # by keyboard
    page.keyboard.press("Enter")
    expect(page.locator("#volume-ml")).to_be_visible()
    wait_until(lambda: min(coloured_pixels(page)) > 500, page)  # slices and 3D
    filled = coloured_pixels(page)
    picture(page, "viewer")

    page.locator("#outline-only").check(force=True)
    wait_until(lambda: 0 < coloured_pixels(page)[0] < filled[0] / 2, page)
    page.locator("#outline-only").uncheck(force=True)

    page.locator("#export-nifti").click()
    expect(page.locator("#message")).to_contain_text("liver.nii.gz")
    page.locator("#export-dicom").click()
    expect(page.locator("#message")).to_contain_text("liver.dcm")

    shown = float(page.locator("#volume-ml").inner_text())
    mask = nibabel.load(viewer.out / "liver.nii.gz")
    voxels = np.asarray(mask.dataobj) > 0
    assert shown == pytest.approx(voxels.sum() * np.prod(mask.header.get_zooms()) / 1000, abs=0.06)

    seg = pydicom.dcmread(viewer.out / "liver.dcm")
    assert int(seg.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeValue) == 10200004
    assert int(np.unpackbits(np.frombuffer(seg.PixelData, np.uint8)).sum()) == voxels.sum()

    # the program, asked independently, finds the same
    series = pydicom.dcmread(next(f for f in study.iterdir() if f.is_file())).SeriesInstanceUID
    subprocess.run(
        [PROGRAM, "segment", "--model", MODEL, "--in", study, "--series", series, "--out", tmp_path, "--quiet"],
        check=True,
    )
    same = np.asarray(nibabel.load(tmp_path / "mask.nii.gz").dataobj) > 0
    assert np.array_equal(voxels, same)


def test_reloaded_page_shows_the_same_result_and_an_export_overwrites_nothing(page, viewer):
    expect(page.locator("#volume-ml")).to_be_visible()
    before = (viewer.out / "liver.nii.gz").read_bytes()
    page.locator("#export-nifti").click()
    expect(page.locator("#message")).to_contain_text("liver-2.nii.gz")
    assert (viewer.out / "liver.nii.gz").read_bytes() == before


def test_correction_is_measured_and_not_lost_without_a_question(page):
    open_series(page, USABLE)
    if page.locator("#volume-ml").count() == 0:
        page.locator("#segment").click()
    before = float(page.locator("#volume-ml").inner_text())
    wait_until(lambda: min(coloured_pixels(page)) > 500, page)
    page.locator("button:has(.mdi-eraser)").first.click()
    view = page.locator("main img.image-display-area").first.bounding_box()
    x, y = view["x"] + 0.28 * view["width"], view["y"] + 0.47 * view["height"]  # in the liver
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y, steps=4)
    page.mouse.up()
    wait_until(lambda: float(page.locator("#volume-ml").inner_text()) < before, page)
    corrected = page.locator("#volume-ml").inner_text()
    picture(page, "viewer-corrected")

    entry(page, LONG).click()
    page.locator("#keep").click()
    expect(page.locator("#keep")).to_have_count(0)
    expect(page.locator("#volume-ml")).to_have_text(corrected)
    entry(page, LONG).click()
    page.locator("#open-anyway").click()
    expect(entry(page, LONG)).to_have_attribute("aria-current", "true")
    expect(page.locator("#result")).to_have_count(0)
    open_series(page, USABLE)


def test_series_is_chosen_by_keyboard(page):
    page.locator("#series-list").focus()
    expect(entry(page, USABLE)).to_have_attribute("aria-current", "true")
    target = entry(page, LONG)
    for _ in range(4):
        page.keyboard.press("ArrowDown")
        if target.evaluate("e => e === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(target).to_have_attribute("aria-current", "true")
