"""The message, where the eye is: beside what it is about, or over the views when that is hidden."""

from trame.widgets.html import Span
from trame.widgets.vuetify3 import VAlert

from ..messages import CASE_PLACES, LEARN_PLACES
from .style import CASE_TOOL, LEARN_TOOL

COLOUR = "{info: '#455a64', success: '#0072b2', warning: '#8a5a00', error: '#a33f00'}[fs_message_kind]"
SHAPE = (
    "{info: 'mdi-information', success: 'mdi-check-circle', warning: 'mdi-alert', "
    "error: 'mdi-alert-octagon'}[fs_message_kind]"
)

# A new message is scrolled to, wherever in the panel it stands.
SCRIPT = """
(() => {
  if (window.frugalsegMessages) { return; }
  let last = '';
  window.frugalsegMessages = new MutationObserver(() => {
    const message = document.getElementById('message');
    const text = message ? message.innerText : '';
    if (text && text !== last) { // once it has its size
      setTimeout(() => message.scrollIntoView({block: 'nearest'}), 100);
    }
    last = text;
  });
  window.frugalsegMessages.observe(document.body, {childList: true, subtree: true, characterData: true});
})();
"""


def _alert(condition, **options):
    with VAlert(
        v_if=(condition,),
        color=(COLOUR,),
        icon=(SHAPE,),
        variant="flat",
        density="compact",
        id="message",
        raw_attrs=['aria-live="polite"'],
        **options,
    ):
        Span("{{ fs_message }}", style="overflow-wrap: anywhere;")


def at(place):
    _alert(f"fs_message && fs_message_place === '{place}'", classes="mx-4 mt-3")


def over_views(ui):
    """The panel that the message belongs to is not shown."""
    shown = f"({ui.name.is_drawer_visible} ? {ui.name.active_tool} : '')"
    home = f"({list(CASE_PLACES)}.includes(fs_message_place) ? '{CASE_TOOL}' : '{LEARN_TOOL}')"
    assert not set(CASE_PLACES) & set(LEARN_PLACES)
    _alert(
        f"fs_message && {shown} !== {home}",
        classes="fs-over",
        elevation=8,
        closable=True,
        click_close="fs_message = ''",
    )
