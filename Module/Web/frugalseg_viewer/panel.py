"""What the page shows: the panel of FrugalSeg beside trame-slicer's views and segment editor.

Verdicts and messages are told by words and shapes, not by colour alone; the colours follow Okabe
and Ito, which people with colour vision deficiency tell apart. Everything that acts is a button with an
id, reached by the Tab key, or an entry of the list of series, reached by Tab and the arrow keys.
"""

from trame.widgets import client
from trame.widgets.html import Div, Span
from trame.widgets.vuetify3 import (
    VAlert,
    VBtn,
    VIcon,
    VList,
    VListItem,
    VProgressLinear,
    VSelect,
    VSlider,
    VSpacer,
    VSwitch,
    VToolbarTitle,
)
from trame_slicer.app.ui import ControlButton

TOOL = "FrugalSegPanel"
NOTICE = "Research use only - not a medical device"
# Inside the page, so that the browser asks no other host for it.
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Ccircle cx='8' cy='8' r='6' fill='none' stroke='%23e69f00' stroke-width='3'/%3E%3C/svg%3E"
)

STYLE = """
.fs-heading { font-size: 0.75rem; letter-spacing: 0.08em; text-transform: uppercase; opacity: 0.75; }
.fs-reason { font-size: 0.8rem; line-height: 1.15rem; white-space: normal; }
.fs-volume { font-size: 2rem; font-weight: 500; font-variant-numeric: tabular-nums; }
.fs-notice { border: 1px solid #e69f00; color: #ffc94d; border-radius: 4px; padding: 2px 10px;
  font-size: 0.85rem; white-space: nowrap; }
.fs-refused, .fs-refused .v-list-item__content { opacity: 1 !important; cursor: not-allowed; }
.fs-series { max-height: 45vh; overflow-y: auto; }
:focus-visible { outline: 3px solid #56b4e9 !important; outline-offset: 1px; }
"""

VERDICT_ICON = "{ok: 'mdi-check-circle', ambiguous: 'mdi-alert', refused: 'mdi-cancel'}[s.verdict]"
VERDICT_COLOUR = "{ok: '#56b4e9', ambiguous: '#e69f00', refused: '#ff9a66'}[s.verdict]"
VERDICT_WORD = "{ok: 'usable', ambiguous: 'usable with care', refused: 'cannot be used'}[s.verdict]"
MESSAGE_COLOUR = (
    "{info: '#455a64', success: '#0072b2', warning: '#8a5a00', error: '#a33f00'}[fs_message_kind]"
)
MESSAGE_ICON = (
    "{info: 'mdi-information', success: 'mdi-check-circle', warning: 'mdi-alert', "
    "error: 'mdi-alert-octagon'}[fs_message_kind]"
)


def build(app):
    """Add the panel to the page of `app` (FrugalSegViewer)."""
    ui = app._ui
    layout = ui.layout
    with layout:
        client.Style(STYLE)
        _fill_bars(layout)
        with layout.toolbar:
            ControlButton(
                icon="mdi-shape-outline",
                name="FrugalSeg",
                id="show-panel",
                click=app.show_panel,
                active=(f"{ui.name.active_tool} === '{TOOL}'",),
                classes="mt-1",
            )
        layout.toolbar.children.insert(0, layout.toolbar.children.pop())
        with layout.drawer, Div(v_if=(f"{ui.name.active_tool} === '{TOOL}'",), id="frugalseg-panel"):
            _series(app)
            _segment(app)
            _message(app)
            _result(app)
    ui.data.is_drawer_visible = True
    ui.data.active_tool = TOOL


def _fill_bars(layout):
    """Our own bars: trame-slicer's load files without a verdict, and its dialog links elsewhere."""
    layout.appbar.clear()
    with layout.appbar:
        VToolbarTitle("FrugalSeg", style="user-select: none;")
        VSpacer()
        Span(NOTICE, id="notice", classes="fs-notice mr-4", role="note")
    layout.footer.clear()
    with layout.footer:
        Span("{{ fs_folder }}", classes="text-caption text-grey-lighten-1")
        VSpacer()
        Span(NOTICE, classes="text-caption text-grey-lighten-1")


def _heading(text):
    Div(text, classes="fs-heading px-4 pt-4 pb-1")


def _series(app):
    _heading("Series")
    with VList(density="compact", id="series-list", bg_color="transparent", classes="py-0 fs-series"):
        with VListItem(
            v_for="s, i in fs_series",
            key="s.uid",
            id=("'series-' + i",),
            click=(app.open_series, "[s.uid]"),
            disabled=("s.verdict === 'refused' || fs_busy",),
            active=("s.uid === fs_uid",),
            classes=("s.verdict === 'refused' ? 'fs-refused py-2' : 'py-2'",),
            raw_attrs=[
                ':aria-disabled="s.verdict === \'refused\'"',
                ':aria-current="s.uid === fs_uid"',
            ],
        ):
            with Div(classes="d-flex align-start"):
                VIcon(icon=(VERDICT_ICON,), color=(VERDICT_COLOUR,), size="small", classes="mr-2 mt-1")
                with Div():
                    Div("{{ s.description || 'series without a name' }}", classes="text-body-2 font-weight-medium")
                    Div(
                        "{{ [s.modality, s.matrix, s.verdict !== 'refused' && s.spacing_mm && "
                        "s.spacing_mm.replace(/\\.?0+(?= |$)/g, '') + ' mm']"
                        ".filter(x => x).join(' · ') }}",
                        classes="fs-reason",
                    )
                    Div(
                        "{{ " + VERDICT_WORD + " + (s.reason ? ': ' + s.reason : '') }}",
                        classes="fs-reason font-weight-medium",
                        style=("{color: " + VERDICT_COLOUR + "}",),
                    )
    with VAlert(
        v_if=("fs_question",), color="#8a5a00", variant="flat", density="compact", classes="mx-4 my-2",
        role="alertdialog",
    ):
        Div("Your corrections have not been exported and would be lost.", classes="mb-2")
        VBtn("Keep working", id="keep", click=app.keep_series, size="small", classes="mr-2")
        VBtn("Open anyway", id="open-anyway", click=(app.open_series, "[fs_question, true]"), size="small")


def _segment(app):
    _heading("Segment")
    with Div(classes="px-4"):
        VSelect(
            v_model=("fs_model",),
            items=("fs_models",),
            label="Model",
            id="model",
            density="compact",
            variant="outlined",
            hide_details=True,
            disabled=("fs_busy",),
            no_data_text="no model found",
            classes="mt-2 mb-3",
        )
        VBtn(
            "Segment",
            v_if=("!fs_busy",),
            id="segment",
            click=app.segment,
            disabled=("!fs_uid || !fs_model",),
            prepend_icon="mdi-play",
            color=("fs_uid && fs_model ? '#0072b2' : '#424242'",),
            variant="flat",
            block=True,
        )
        with Div(v_else=True):
            VBtn("Cancel", id="cancel", click=app.cancel, prepend_icon="mdi-stop", variant="outlined", block=True)
            VProgressLinear(
                model_value=("fs_progress",), color="#56b4e9", height=8, rounded=True, classes="mt-3",
                id="progress", raw_attrs=['aria-label="progress"'],
            )
            Div("{{ fs_progress }} % · {{ fs_stage }}", classes="fs-reason mt-1", id="stage")


def _message(app):
    with VAlert(
        v_if=("fs_message",),
        color=(MESSAGE_COLOUR,),
        icon=(MESSAGE_ICON,),
        variant="flat",
        density="compact",
        classes="mx-4 mt-3",
        id="message",
        raw_attrs=['aria-live="polite"'],
    ):
        Span("{{ fs_message }}", style="overflow-wrap: anywhere;")


def _result(app):
    display = app._logic._segment_editor_logic.name.segment_display
    with Div(v_if=("fs_has_segment",), id="result"):
        _heading("{{ fs_structure }}")
        with Div(classes="px-4"):
            with Div():
                Span("{{ fs_ml }}", id="volume-ml", classes="fs-volume")
                Span(" ml", classes="text-h6")
            VSlider(
                v_model=(display.opacity_2d.value,),
                min=0, max=1, step=0.05, label="Opacity", hide_details=True, density="compact",
                id="opacity",
            )
            VSwitch(
                v_model=("fs_outline_only",), label="Outline only", id="outline-only", hide_details=True,
                density="compact", color="#56b4e9",
            )
            VBtn("Correct by hand", id="correct", click=app.show_editor, prepend_icon="mdi-brush",
                 variant="outlined", block=True, classes="mt-2")
        _heading("Export")
        with Div(classes="px-4 pb-4 d-flex ga-2"):
            VBtn("DICOM SEG", id="export-dicom", click=app.export_dicom, prepend_icon="mdi-content-save",
                 variant="outlined", disabled=("fs_busy",), classes="flex-grow-1 px-2")
            VBtn("NIfTI", id="export-nifti", click=app.export_nifti, prepend_icon="mdi-content-save",
                 variant="outlined", disabled=("fs_busy",), classes="flex-grow-1 px-2")
