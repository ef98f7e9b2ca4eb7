"""What the page shows, one file for each part of it.

Verdicts and messages are told by words and shapes, not by colour alone; the colours follow Okabe and
Ito, which people with colour vision deficiency tell apart. Everything that acts is a button with an id,
reached by Tab, and has a key of its own (../shortcuts.py).
"""

from trame.widgets import client
from trame.widgets.html import Div
from trame_slicer.app.ui import ControlButton

from .. import shortcuts
from . import bars, case, help_dialog, learn, message
from .style import CASE_TOOL, ICON, LEARN_TOOL, STYLE, TOOLS

__all__ = ["CASE_TOOL", "ICON", "LEARN_TOOL", "TOOLS", "build"]


def build(viewer):
    """Add our panels to the page of `viewer` (FrugalSegViewer)."""
    ui = viewer._ui
    layout, tool = ui.layout, ui.name.active_tool
    with layout:
        client.Style(STYLE)
        client.Script(shortcuts.script())
        client.Script(message.SCRIPT)
        bars.fill(viewer, layout)
        help_dialog.build(viewer)
        with layout.toolbar:
            for name, icon, words in (("case", "mdi-shape-outline", "Case"), ("learn", "mdi-school-outline", "Learn")):
                ControlButton(
                    icon=icon,
                    name=words,
                    id=f"show-{name}",
                    click=lambda name=name: viewer.toggle_panel(name),
                    active=(f"{tool} === '{TOOLS[name == 'learn']}'",),
                    classes="mt-1",
                    raw_attrs=[f'aria-label="{words}"'],
                )
        layout.toolbar.children[:0] = [layout.toolbar.children.pop(-2), layout.toolbar.children.pop()]
        with layout.drawer:
            with Div(v_if=(f"{tool} === '{CASE_TOOL}'",), id="case-panel"):
                case.build(viewer)
            with Div(v_if=(f"{tool} === '{LEARN_TOOL}'",), id="learn-panel"):
                learn.build(viewer)
        message.over_views(ui)
    ui.data.is_drawer_visible = True
    ui.data.active_tool = CASE_TOOL
