"""The help: every key, and a switch for those who need single keys for something else."""

from trame.widgets.html import Div, Span, Table, Td, Tr
from trame.widgets.vuetify3 import VBtn, VCard, VCardActions, VCardText, VCardTitle, VDialog, VSpacer, VSwitch

from ..shortcuts import SHORTCUTS
from .style import NOTICE, key_label


def build(viewer):
    with (
        VDialog(v_model=("fs_help",), max_width=860, id="help-dialog"),
        VCard(raw_attrs=['aria-label="keys"']),
    ):
        VCardTitle("Keys")
        with VCardText():
            with Div(style="columns: 2; column-gap: 32px;"):
                for group, shortcuts in SHORTCUTS.items():
                    with Div(style="break-inside: avoid;", classes="mb-3"):
                        Div(group, classes="fs-heading")
                        with Table(classes="fs-table"):
                            for _, words, action in shortcuts:
                                with Tr():
                                    Td(words)
                                    with Td():
                                        key_label(action)
            Div(
                "Tab goes through everything on the page, Enter and Space press a button, arrow keys move in "
                "lists and sliders. In a view: left button adjusts the window, right button zooms, middle "
                "button moves, the wheel goes through the slices.",
                classes="fs-reason",
            )
            VSwitch(
                v_model=("fs_keys",), id="single-keys", label="Single keys act (switch off for speech input)",
                hide_details=True, density="compact", color="#56b4e9",
            )
        with VCardActions():
            Span(NOTICE, classes="fs-notice ml-2")
            VSpacer()
            VBtn("Close", id="close-help", click="fs_help = false", variant="outlined")
