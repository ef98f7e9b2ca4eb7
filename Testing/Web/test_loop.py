"""The loop of an annotator: correct, save, next, learn, accept, go back, propagate; all by keyboard."""

import nibabel
import numpy as np
from browsing import (
    BESIDE_LIVER,
    IN_LIVER,
    MODEL,
    PATIENCE,
    coloured_pixels,
    message,
    segment,
    stroke,
    volume,
    wait_until,
)
from playwright.sync_api import expect

STUDY = "cases"
WORK = 4 * PATIENCE  # for what runs at low priority, behind everything else on a loaded machine


def current_series(page):
    return page.evaluate("trame.state.state.fs_uid")


def settle(page):
    """Let a stroke be measured."""
    page.wait_for_timeout(800)


def panel(page, name):
    if page.locator(f"#{name}-panel").count() == 0:
        page.locator(f"#show-{name}").click()
    expect(page.locator(f"#{name}-panel")).to_be_visible()


def learn_settings(page, **values):
    panel(page, "learn")
    settings = page.locator("#learn-settings button")
    if settings.get_attribute("aria-expanded") != "true":
        settings.click()
    for name, value in values.items():
        page.locator(f"#learn-{name}").fill(str(value))
        page.locator(f"#learn-{name}").blur()


def test_brush_eraser_undo_and_redo_change_the_volume(page, picture):
    page.locator("#series-0").click()
    expect(page.locator("#segment")).to_be_enabled()
    segment(page)
    wait_until(lambda: min(coloured_pixels(page)) > 500, page)
    found = volume(page)

    page.keyboard.press("b")
    stroke(page, BESIDE_LIVER)
    page.keyboard.press("o")  # back to the case, which shows the volume
    wait_until(lambda: volume(page) > found, page)
    painted = volume(page)
    picture("viewer-painted")
    page.keyboard.press("e")
    stroke(page, IN_LIVER)
    page.keyboard.press("o")
    wait_until(lambda: volume(page) < painted, page)
    erased = volume(page)

    page.keyboard.press("Control+z")
    wait_until(lambda: volume(page) == painted, page)
    page.keyboard.press("Control+z")
    wait_until(lambda: volume(page) == found, page)
    page.keyboard.press("Control+y")
    page.keyboard.press("Control+y")
    wait_until(lambda: volume(page) == erased, page)
    page.keyboard.press("v")


def test_corrections_are_not_lost_without_a_question(page):
    here, corrected = current_series(page), volume(page)
    page.keyboard.press("n")
    page.locator("#keep").click()
    page.locator("#series-1").click()
    page.locator("#keep").click()
    expect(page.locator("#keep")).to_have_count(0)
    assert current_series(page) == here and volume(page) == corrected


def test_rerun_keeps_the_corrected_segment_and_says_so(page):
    corrected = volume(page)
    segment(page)
    expect(page.locator("#checks")).to_contain_text("correct")
    page.keyboard.press("Control+z")  # the run was one step
    wait_until(lambda: volume(page) == corrected, page)


def test_label_is_saved_as_a_case_and_again_as_a_version(page, viewer):
    shown = volume(page)
    page.keyboard.press("l")
    expect(message(page)).to_contain_text("case_0001, version 1")
    label = nibabel.load(viewer.out / "dataset/labelsTr/case_0001.nii.gz")
    voxels = (np.asarray(label.dataobj) > 0).sum()
    assert abs(voxels * np.prod(label.header.get_zooms()) / 1000 - shown) < 0.06
    page.keyboard.press("e")
    stroke(page, (0.25, 0.5))
    settle(page)
    page.keyboard.press("l")
    expect(message(page)).to_contain_text("case_0001, version 2")


def test_next_case_is_the_least_sure_one(page, picture):
    first = current_series(page)
    panel(page, "learn")
    page.keyboard.press("n")
    expect(message(page)).to_contain_text("Opened", timeout=WORK)
    assert current_series(page) not in (first, "")
    rows = page.locator("#ranking tr").all_inner_texts()[1:]
    scores = [float(row.split("\t")[1]) for row in rows]
    assert len(scores) == 2 and scores == sorted(scores, reverse=True)
    assert rows[0].endswith("opened") and rows[1].endswith("waiting")
    picture("viewer-next")
    page.keyboard.press("s")
    expect(page.locator("#save-label")).to_be_enabled()
    page.keyboard.press("l")
    expect(message(page)).to_contain_text("case_0002, version 1")
    expect(page.locator("#case-count")).to_contain_text("2 labelled cases")


def test_cancelled_learning_changes_no_model(page, viewer):
    learn_settings(page, steps=5000, batch=2, patch=64)
    page.keyboard.press("t")
    expect(page.locator("#curve")).to_be_visible()
    step = page.locator("#curve .fs-reason").first
    before, line = step.inner_text(), page.locator("#curve polyline").last.get_attribute("points")
    wait_until(lambda: step.inner_text() != before, page)
    assert page.locator("#curve polyline").last.get_attribute("points") != line, "the curve moves"
    expect(page.locator("#learn-progress")).to_be_visible()
    page.keyboard.press("c")
    expect(page.locator("#learn-cancel")).to_have_count(0)
    expect(message(page)).to_contain_text("ancelled")
    expect(page.locator("#current-model")).to_contain_text(MODEL)
    assert not list(viewer.models.glob("*.fseg"))


def test_model_that_is_worse_waits_and_one_key_goes_back(page, viewer, picture):
    # Both labels are close to what the model itself finds: a few hasty steps can only make it worse.
    learn_settings(page, steps=12, batch=2, patch=64)
    page.keyboard.press("t")
    expect(page.locator("#learn-cancel")).to_have_count(1)
    panel(page, "case")  # the page can be used meanwhile
    expect(page.locator("#volume-ml")).to_be_visible()
    panel(page, "learn")
    expect(page.locator("#accept")).to_be_visible(timeout=WORK)
    picture("viewer-learn")
    assert float(page.locator("#dice-after").inner_text()) < float(page.locator("#dice-before").inner_text())
    expect(page.locator("#current-model")).to_contain_text(f"{MODEL}.")

    page.keyboard.press("a")
    expect(page.locator("#current-model")).to_contain_text(f"{MODEL}-learned-001")
    assert (viewer.models / f"{MODEL}-learned-001.fseg").is_file()
    panel(page, "case")
    expect(page.locator("#model-name")).to_contain_text(f"{MODEL}-learned-001")
    segment(page)  # with the new model
    page.keyboard.press("r")
    expect(page.locator("#model-name")).to_contain_text(MODEL)
    expect(page.locator("#model-name")).not_to_contain_text("learned")


def test_propagation_touches_only_slices_that_were_not_corrected(page, viewer):
    panel(page, "case")
    segment(page)
    wait_until(lambda: min(coloured_pixels(page)) > 500, page)
    page.keyboard.press("p")
    expect(message(page)).to_contain_text("orrect")  # nothing was corrected yet: it says what to do
    found, before = exported(page, viewer), volume(page)
    page.keyboard.press("e")
    settle(page)
    stroke(page, IN_LIVER, 60)
    page.keyboard.press("o")
    wait_until(lambda: volume(page) < before, page)
    corrected = exported(page, viewer)
    page.keyboard.press("p")
    expect(message(page)).to_contain_text("drawn anew", timeout=WORK)
    propagated = exported(page, viewer)
    after = volume(page)
    page.keyboard.press("Control+z")  # one step
    wait_until(lambda: volume(page) != after, page)
    assert np.array_equal(exported(page, viewer), corrected)

    by_hand, by_model = changed_slices(found, corrected), changed_slices(corrected, propagated)
    assert by_hand and by_model and not by_hand & by_model


def exported(page, viewer):
    """The segment as the viewer exports it: booleans by column, row, slice."""
    before = set(viewer.out.glob("[!.]*.nii.gz"))
    page.keyboard.press("2")
    wait_until(lambda: set(viewer.out.glob("[!.]*.nii.gz")) != before, page)
    (new,) = set(viewer.out.glob("[!.]*.nii.gz")) - before
    return np.asarray(nibabel.load(new).dataobj) > 0


def changed_slices(one, other):
    return set(np.flatnonzero((one != other).any(axis=(0, 1))))


def test_reload_shows_labels_models_and_curve_again(page):
    page.reload()
    expect(page.locator("#show-learn")).to_be_visible()
    panel(page, "learn")
    expect(page.locator("#case-count")).to_contain_text("2 labelled cases")
    expect(page.locator("#curve")).to_be_visible()
    expect(page.locator("#current-model")).to_contain_text(f"{MODEL}.")
