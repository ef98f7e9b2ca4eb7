"""A running viewer and a browser page on it.

Environment: FRUGALSEG_VIEWER (launcher), FRUGALSEG_PROGRAM (makes phantoms, segments independently),
FRUGALSEG_PICTURES (folder for screenshots), FRUGALSEG_CHROMIUM (browser, default Debian's).
"""

import contextlib
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

import pydicom
import pytest
from browsing import CHROMIUM, LONG, MODEL, PATIENCE, PROGRAM, REFUSED
from playwright.sync_api import expect, sync_playwright


def synth(folder, *options):
    subprocess.run([PROGRAM, "synth", "--out", folder, "--quiet", *options], check=True)
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


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A folder with a good series, the same with a slice missing, and one that takes seconds."""
    root = tmp_path_factory.mktemp("study")
    size = ("--seed", "3", "--size", "128", "--spacing", "2.8", "--slices", "20", "--slice-spacing", "10")
    good = synth(root / "good", *size)
    long = synth(
        root / "long", "--seed", "3", "--size", "192", "--spacing", "1.9", "--slices", "200", "--slice-spacing", "1"
    )
    folder = root / "dicom"
    folder.mkdir()
    for file in good:
        (folder / file.name).symlink_to(file)
    copy_as_series(good[:9] + good[10:], folder / "broken", 1, REFUSED)
    copy_as_series(long, folder / "long", 2, LONG)
    return folder


@pytest.fixture(scope="session")
def cases(tmp_path_factory):
    """A folder with three small cases, for the loop of an annotator."""
    root = tmp_path_factory.mktemp("cases")
    folder = root / "dicom"
    folder.mkdir()
    for seed in ("3", "4", "5"):
        files = synth(
            root / seed, "--seed", seed, "--size", "64", "--spacing", "4", "--slices", "12", "--slice-spacing", "16"
        )
        files[0].parent.rename(folder / seed)
    return folder


@contextlib.contextmanager
def running_viewer(folder, home):
    """A viewer on `folder`, with a home of its own: address, port, process, folders."""
    out, log = home / "exports", home / "viewer.log"
    command = [os.environ["FRUGALSEG_VIEWER"], folder, "--model", MODEL, "--out", out, "--no-browser"]
    with open(log, "w") as stream:
        process = subprocess.Popen(
            command, stdout=stream, stderr=subprocess.STDOUT, env={**os.environ, "XDG_DATA_HOME": str(home / "data")}
        )
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
        yield type("Viewer", (), dict(
            url=address[0], port=int(address[1]), process=process, out=out, models=home / "data/frugalseg/models", log=log
        ))  # fmt: skip
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)
        sys.stdout.write(log.read_text())
    assert "frugalseg_viewer/" not in log.read_text()  # no traceback that passes through our code


@pytest.fixture(scope="module")
def viewer(request, tmp_path_factory):
    """The viewer of a test file, on the folder that its STUDY names."""
    folder = request.getfixturevalue(request.module.STUDY)
    with running_viewer(folder, tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="session")
def browser():
    assert os.access(CHROMIUM, os.X_OK), "no browser; run ThirdParty/bootstrap.sh --tests"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page(browser, viewer):
    """The viewer's page, one for all tests of a file, which follow one another as a user's actions do;
    afterwards: no error of ours, and no host but the viewer was asked."""
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


@pytest.fixture
def picture(page):
    folder = pathlib.Path(os.environ["FRUGALSEG_PICTURES"])

    def take(name):
        folder.mkdir(parents=True, exist_ok=True)
        page.mouse.move(930, 30)  # no tooltip in the picture
        page.wait_for_timeout(300)
        page.screenshot(path=folder / f"{name}.png")

    return take
