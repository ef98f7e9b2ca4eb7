"""The panel of a case: series, segment, result, export."""

from trame.widgets.html import Div, Span, Table, Td, Tr
from trame.widgets.vuetify3 import (
    Template,
    VAlert,
    VBtn,
    VIcon,
    VList,
    VListItem,
    VProgressLinear,
    VSelect,
    VSlider,
    VSwitch,
)

from . import message
from .style import BLUE, ORANGE, SKY, VERMILION, action_button, heading

VERDICT_ICON = "{ok: 'mdi-check-circle', ambiguous: 'mdi-alert', refused: 'mdi-cancel'}[s.verdict]"
VERDICT_COLOUR = f"{{ok: '{SKY}', ambiguous: '{ORANGE}', refused: '{VERMILION}'}}[s.verdict]"
VERDICT_WORD = "{ok: 'usable', ambiguous: 'usable with care', refused: 'cannot be used'}[s.verdict]"


def build(viewer):
    _series(viewer)
    message.at("series")
    _segment(viewer)
    _saved(viewer)
    message.at("segment")
    with Div(v_if=("fs_has_segment",), id="result"):
        _result(viewer)
        message.at("result")
        _export(viewer)
        message.at("export")
        Div(classes="pb-4")


def _series(viewer):
    heading("Series")
    with VList(density="compact", id="series-list", bg_color="transparent", classes="py-0 fs-series"):
        with VListItem(
            v_for="s, i in fs_series",
            key="s.uid",
            id=("'series-' + i",),
            click=(viewer.series.open, "[s.uid]"),
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
                    Div(
                        "{{ s.description || 'series without a name' }}{{ s.number && ' (' + s.number + ')' }}",
                        classes="text-body-2 font-weight-medium",
                    )
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
        Div("Your corrections are neither saved as a label nor exported; they would be lost.", classes="mb-2")
        VBtn("Keep working", id="keep", click=viewer.series.keep, size="small", classes="mr-2")
        VBtn("Open anyway", id="open-anyway", click=viewer.leave_anyway, size="small")


def _segment(viewer):
    heading("Segment")
    with Div(classes="px-4"):
        with VSelect(
            v_model=("fs_model",),
            items=("fs_models",),
            item_value="title",
            item_props=True,
            label="Model",
            id="model",
            density="compact",
            variant="outlined",
            hide_details=True,
            disabled=("fs_busy",),
            no_data_text="no model found",
            classes="mt-2 mb-2",
        ):
            with Template(v_slot_selection="{ item }"):
                Span(
                    "{{ item.title }}{{ fs_suggested && item.title === fs_suggested ? ' (suggested)' : '' }}",
                    id="model-name",
                )
        VBtn(
            "Use the suggested model {{ fs_suggested }}",
            v_if=("fs_suggested && fs_model !== fs_suggested && !fs_busy",),
            id="use-suggested",
            click=viewer.segmenting.use_suggested,
            size="small",
            variant="text",
            classes="mb-2",
        )
        with Div(v_for="w in fs_model_warnings", key="w", classes="fs-reason d-flex mb-2 fs-warn model-warning"):
            VIcon("mdi-alert", size="small", classes="mr-2")
            Span("{{ w }}")
        action_button(
            "Segment", "segment", viewer.segmenting.start,
            v_if=("!fs_busy",),
            id="segment",
            disabled=("!fs_uid || !fs_model",),
            prepend_icon="mdi-play",
            color=(f"fs_uid && fs_model ? '{BLUE}' : '#424242'",),
            variant="flat",
            block=True,
        )  # fmt: skip
        with Div(v_else=True):
            running(viewer.segmenting.cancel, "cancel", "progress", "stage", "fs_progress", "fs_stage")


def _saved(viewer):
    """A segmentation that was exported before, to go on with."""
    with Div(v_if=("fs_uid && fs_saved.length",), classes="px-4 mt-3"):
        VSelect(
            v_model=("fs_saved_file",), items=("fs_saved",), label="Saved DICOM SEG", id="saved", density="compact",
            variant="outlined", hide_details=True, disabled=("fs_busy",),
        )  # fmt: skip
        action_button(
            "Open it again", "open_saved", viewer.exporting.open_saved, id="open-saved", block=True, classes="mt-2",
            prepend_icon="mdi-folder-open", disabled=("fs_busy || !fs_saved_file",),
        )  # fmt: skip


def running(cancel, button, bar, stage, progress, words):
    """Cancel, how far it is, what it does."""
    action_button("Cancel", "cancel", cancel, id=button, prepend_icon="mdi-stop", block=True)
    VProgressLinear(
        model_value=(progress,), color=SKY, height=8, rounded=True, classes="mt-3", id=bar,
        raw_attrs=['aria-label="progress"'],
    )
    Div(f"{{{{ {progress} }}}} % · {{{{ {words} }}}}", classes="fs-reason mt-1", id=stage)


def _result(viewer):
    display = viewer._logic._segment_editor_logic.name.segment_display
    heading("{{ fs_structure }}")
    with Div(classes="px-4"):
        with Div():
            Span("{{ fs_ml }}", id="volume-ml", classes="fs-volume")
            Span(" ml", classes="text-h6")
        with Table(classes="fs-table mb-2", id="measures"), Tr(v_for="m in fs_measures", key="m.name"):
            Td("{{ m.name }}")
            Td("{{ m.value }}")
        with Div(v_if=("fs_checked",), id="checks", role="status"):
            with Div(v_for="c in fs_checks", key="c", classes="fs-reason d-flex mb-1 fs-warn"):
                VIcon("mdi-alert", size="small", classes="mr-2")
                Span("{{ c }}")
            with Div(v_if=("!fs_checks.length",), classes="fs-reason d-flex mb-1"):
                VIcon("mdi-check-circle", size="small", color=SKY, classes="mr-2")
                Span("The automatic checks found nothing odd.")
        VSlider(
            v_model=(display.opacity_2d.value,),
            min=0, max=1, step=0.05, label="Opacity", hide_details=True, density="compact", id="opacity",
            classes="mt-2",
        )  # fmt: skip
        VSwitch(
            v_model=("fs_outline_only",), label="Outline only", id="outline-only", hide_details=True,
            density="compact", color=SKY,
        )  # fmt: skip
        VSwitch(
            v_model=("fs_uncertainty",), v_if=("fs_has_uncertainty",), label="Show where the model is unsure",
            id="uncertainty", hide_details=True, density="compact", color=SKY,
        )  # fmt: skip
        Div(
            "Bright is unsure. Mean over the structure and its rim: {{ fs_mean_entropy }} bit (0 sure, 1 a coin toss).",
            v_if=("fs_has_uncertainty && fs_uncertainty",), classes="fs-reason", id="uncertainty-legend",
        )  # fmt: skip
        action_button(
            "Correct by hand", "brush", viewer.correct, id="correct", prepend_icon="mdi-brush", block=True,
            classes="mt-2",
        )  # fmt: skip
        with Div(v_if=("!fs_propagate_busy",)):
            action_button(
                "Propagate corrections", "propagate", viewer.learning.propagate, id="propagate",
                prepend_icon="mdi-layers-triple-outline", block=True, classes="mt-2", disabled=("fs_busy",),
            )  # fmt: skip
        with Div(v_else=True, classes="mt-2"):
            running(
                lambda: viewer.learning.cancel("propagate"), "propagate-cancel", "propagate-progress",
                "propagate-stage", "fs_propagate_progress", "fs_propagate_stage",
            )  # fmt: skip


def _export(viewer):
    heading("Export")
    with Div(classes="px-4 d-flex flex-wrap ga-2"):
        for name, words in (("dicom", "DICOM SEG"), ("nifti", "NIfTI"), ("nrrd", "NRRD"), ("stl", "STL")):
            action_button(
                words, f"export_{name}", lambda name=name: viewer.exporting.write(name), id=f"export-{name}",
                disabled=("fs_busy",), classes="flex-grow-1 px-2",
            )  # fmt: skip
