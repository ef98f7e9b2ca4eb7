"""Colours, sizes and small pieces that the parts of the page share."""

from trame.widgets.html import Div, Kbd, Span
from trame.widgets.vuetify3 import VBtn

from ..shortcuts import KEY_OF

CASE_TOOL, LEARN_TOOL = TOOLS = ("FrugalSegCase", "FrugalSegLearn")
NOTICE = "Research software, not a medical device"
SKY, BLUE, ORANGE, VERMILION = "#56b4e9", "#0072b2", "#e69f00", "#ff9a66"

# Inside the page, so that the browser asks no other host for it.
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Ccircle cx='8' cy='8' r='6' fill='none' stroke='%23e69f00' stroke-width='3'/%3E%3C/svg%3E"
)

STYLE = """
.fs-heading { font-size: 0.75rem; letter-spacing: 0.08em; text-transform: uppercase; opacity: 0.75; }
.fs-reason { font-size: 0.8rem; line-height: 1.15rem; white-space: normal; overflow-wrap: anywhere; }
.fs-volume { font-size: 2rem; font-weight: 500; font-variant-numeric: tabular-nums; line-height: 2.4rem; }
.fs-notice { border: 1px solid #e69f00; color: #ffc94d; border-radius: 4px; padding: 2px 10px;
  font-size: 0.85rem; white-space: nowrap; }
.fs-refused, .fs-refused .v-list-item__content { opacity: 1 !important; cursor: not-allowed; }
.fs-series { max-height: 34vh; overflow-y: auto; }
.fs-table { width: 100%; font-size: 0.8rem; border-collapse: collapse; font-variant-numeric: tabular-nums; }
.fs-table td, .fs-table th { padding: 1px 0; font-weight: 400; text-align: left; }
.fs-table td + td, .fs-table th + th { text-align: right; padding-left: 10px; white-space: nowrap; }
.fs-table th { opacity: 0.75; }
.fs-warn { color: #e69f00; }
.fs-key { border: 1px solid #888; border-radius: 3px; padding: 0 5px; font-size: 0.72rem; line-height: 1.1rem;
  margin-left: 8px; opacity: 0.85; text-transform: none; font-family: inherit; white-space: nowrap; }
.fs-over { position: fixed; top: 76px; left: 50%; transform: translateX(-20%); z-index: 1500; max-width: 46vw; }
.fs-steps .v-btn { text-transform: none; letter-spacing: 0; }
.fs-curve { display: block; width: 100%; height: 128px; }
@media (max-width: 1250px) { .fs-steps .fs-key { display: none; } }
:focus-visible { outline: 3px solid #56b4e9 !important; outline-offset: 1px; }
"""


def heading(text, **options):
    Div(text, classes="fs-heading px-4 pt-4 pb-1", role="heading", raw_attrs=['aria-level="2"'], **options)


def key_of(action):
    """How a key is written on the page."""
    key = KEY_OF[action]
    return key.upper() if len(key) == 1 else key.replace("Ctrl+z", "Ctrl+Z").replace("Ctrl+y", "Ctrl+Y")


def key_label(action):
    Kbd(key_of(action), classes="fs-key")


def action_button(words, action, click, **options):
    """A button that says its key."""
    options.setdefault("variant", "outlined")
    with VBtn(click=click, raw_attrs=[f'aria-keyshortcuts="{key_of(action)}"'], **options):
        Span(words)
        key_label(action)


def short_path(state):
    """The last two names of a path; all of it is in the title, not on every screen."""
    return f"{{{{ {state}.split('/').slice(-2).join('/') }}}}"
