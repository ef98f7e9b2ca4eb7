"""Every action is reached by keyboard, and the help says how."""

import importlib.util
import os
import pathlib
import re

from browsing import AXIAL, CORONAL, NOTICE, SAGITTAL, entry, segment, views, wait_until
from playwright.sync_api import expect

STUDY = "cases"
SOURCE = pathlib.Path(os.environ["FRUGALSEG_SOURCE_DIR"])


def shortcuts():
    """The viewer's own list."""
    spec = importlib.util.spec_from_file_location("shortcuts", SOURCE / "Module/Web/frugalseg_viewer/shortcuts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SHORTCUTS


def test_help_lists_every_key_and_closes_by_escape(page, picture):
    page.keyboard.press("?")
    dialog = page.locator("#help-dialog .v-card")
    expect(dialog).to_be_visible()
    for group in shortcuts().values():
        for _, words, _ in group:
            expect(dialog).to_contain_text(words)
    expect(dialog).to_contain_text(NOTICE)
    picture("viewer-keys")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_every_key_is_in_the_manual():
    manual = (SOURCE / "docs/user/viewer.md").read_text()
    for group in shortcuts().values():
        for key, words, _ in group:
            assert re.search(rf"\| *`{re.escape(key)}` *\| *{re.escape(words)} *\|", manual), (key, words)


def test_every_button_that_acts_can_be_focused(page):
    page.keyboard.press("o")
    page.keyboard.press("Enter")
    expect(page.locator("#segment")).to_be_enabled()
    segment(page)
    page.keyboard.press("Escape")
    missing = page.evaluate(
        """() => [...document.querySelectorAll('button, a, input, [role=slider]')]
            .filter(e => e.offsetParent && !e.disabled && e.tabIndex < 0 && e.getAttribute('aria-hidden') !== 'true'
                && !e.closest('[aria-hidden=true]') && !e.closest('[tabindex="0"]'))
            .map(e => e.outerHTML.slice(0, 120))"""
    )
    assert missing == []


def test_series_is_chosen_by_arrow_keys(page):
    page.keyboard.press("o")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    target = page.locator("#series-2")
    expect(target).to_have_attribute("aria-current", "true")
    assert entry(page, "3 of 3").count() == 1


def test_slices_are_stepped_in_each_view(page):
    for view, key in ((AXIAL, "PageUp"), (CORONAL, "Shift+PageUp"), (SAGITTAL, "Alt+PageUp")):
        before = views(page)[view].get_attribute("src")
        page.keyboard.press(key)
        wait_until(lambda view=view, before=before: views(page)[view].get_attribute("src") != before, page)


def test_typing_and_switched_off_keys_do_nothing(page):
    page.locator("#show-learn").click()
    page.locator("#learn-settings button").click()
    page.locator("#learn-steps").focus()
    page.keyboard.press("?")
    page.wait_for_timeout(400)
    expect(page.locator("#help-dialog .v-card")).to_have_count(0)
    page.locator("#learn-steps").blur()

    page.keyboard.press("?")
    page.locator("#single-keys").uncheck(force=True)
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    page.wait_for_timeout(400)
    expect(page.locator("#learn-panel")).to_be_in_viewport()
    page.keyboard.press("?")  # the help stays, to switch them on again
    page.locator("#single-keys").check(force=True)
    page.keyboard.press("Escape")
    expect(page.locator("#help-dialog .v-card")).to_be_hidden()
    page.keyboard.press("d")
    expect(page.locator("#learn-panel")).not_to_be_in_viewport()
