"""The panel of learning: labels, next case, learn, before and after."""

from trame.widgets.html import Div, Span, Svg, Table, Td, Th, Tr
from trame.widgets.vuetify3 import (
    VExpansionPanel,
    VExpansionPanels,
    VIcon,
    VSelect,
    VTextField,
)
from trame_client.widgets.core import AbstractElement

from ..learning import CURVE, SHOWN_CASES
from . import message
from .case import running
from .style import BLUE, ORANGE, action_button, heading, short_path


def build(viewer):
    _labels(viewer)
    message.at("labels")
    _next(viewer)
    message.at("next")
    _learn(viewer)
    message.at("learn")
    _models(viewer)
    _curve()
    _settings()
    Div(classes="pb-4")


def _labels(viewer):
    heading("Labels")
    with Div(classes="px-4"):
        Div(short_path("fs_dataset"), raw_attrs=[':title="fs_dataset"'], classes="fs-reason mb-2", id="dataset")
        action_button(
            "Save as label", "save_label", viewer.learning.save_label, id="save-label",
            prepend_icon="mdi-label-outline", block=True, disabled=("!fs_has_segment || fs_busy",),
        )  # fmt: skip
        with Table(v_if=("fs_cases.length",), classes="fs-table mt-2", id="cases"):
            with Tr():
                for words in ("case", "structures", "version", "use"):
                    Th(words)
            with Tr(v_for=f"c in fs_cases.slice(-{SHOWN_CASES})", key="c.case"):
                with Td():
                    Span("{{ c.case }}")
                    VIcon("mdi-circle-small", v_if=("c.case === fs_case",), size="small", raw_attrs=['aria-label="open"'])
                Td("{{ c.structures }}")
                Td("{{ c.version }}")
                Td("{{ c.role || 'new' }}")
        Div(
            "{{ fs_cases.length }} labelled case{{ fs_cases.length === 1 ? '' : 's' }}, "
            "{{ fs_cases.filter(c => c.role === 'held out').length }} held out for measuring",
            classes="fs-reason mt-1", id="case-count",
        )  # fmt: skip


def _next(viewer):
    heading("Next case")
    with Div(classes="px-4"):
        VSelect(
            v_model=("fs_order",), items=("fs_orders",), label="Order", id="order", density="compact",
            variant="outlined", hide_details=True, classes="mt-2 mb-2", disabled=("fs_rank_busy",),
        )  # fmt: skip
        with Div(v_if=("!fs_rank_busy",)):
            action_button(
                "Open next", "open_next", viewer.learning.open_next, id="open-next", prepend_icon="mdi-skip-next",
                block=True, disabled=("!fs_folder || fs_busy",),
            )  # fmt: skip
        with Div(v_else=True):
            running(
                lambda: viewer.learning.cancel("rank"), "rank-cancel", "rank-progress", "rank-stage",
                "fs_rank_progress", "fs_rank_stage",
            )  # fmt: skip
        with Table(v_if=("fs_ranking.length",), classes="fs-table mt-2", id="ranking"):
            with Tr():
                for words in ("case", "unsure", "state"):
                    Th(words)
            with Tr(v_for=f"r in fs_ranking.slice(0, {SHOWN_CASES})", key="r.source"):
                Td("{{ r.name }}")
                Td("{{ r.score && Number(r.score).toFixed(3) }}")
                Td("{{ r.reason ? 'cannot be used' : r.state || 'waiting' }}")


def _learn(viewer):
    heading("Learn")
    with Div(classes="px-4"):
        Div("Starts from {{ fs_current_model }}.", classes="fs-reason mb-2", id="current-model")
        with Div(v_if=("!fs_learn_busy",)):
            action_button(
                "Learn from the labels", "learn", viewer.learning.learn, id="learn", prepend_icon="mdi-school-outline",
                color=(f"fs_cases.length ? '{BLUE}' : '#424242'",), variant="flat", block=True,
                disabled=("!fs_cases.length",),
            )  # fmt: skip
        with Div(v_else=True):
            running(
                lambda: viewer.learning.cancel("learn"), "learn-cancel", "learn-progress", "learn-stage",
                "fs_learn_progress", "fs_learn_stage",
            )  # fmt: skip


def _curve():
    with Div(v_if=("fs_curve",), classes="px-4 mt-3", id="curve"):
        Div("Loss, step {{ fs_loss_step }}", classes="fs-reason")
        width, height = CURVE
        with Svg(
            classes="fs-curve",
            raw_attrs=[
                f'viewBox="-2 -4 {width + 4} {height + 8}"',
                'preserveAspectRatio="none"',
                'role="img"',
                ':aria-label="\'loss from \' + fs_loss_high + \' down to \' + fs_loss_low"',
            ],
        ):
            _line("fs_curve", "#888888", 1)
            _line("fs_curve_smooth", ORANGE, 2.5)
        Div(
            "highest {{ fs_loss_high }}, lowest {{ fs_loss_low }}; thick: mean of 20 steps", classes="fs-reason"
        )


def _line(points, colour, width):
    AbstractElement(
        "polyline",
        raw_attrs=[
            f':points="{points}"',
            f'stroke="{colour}"',
            f'stroke-width="{width}"',
            'fill="none"',
            'vector-effect="non-scaling-stroke"',
        ],
    )


def _settings():
    with VExpansionPanels(classes="px-4 mt-3", variant="accordion"):
        with VExpansionPanel(title="Settings", id="learn-settings", eager=True):
            with AbstractElement("v-expansion-panel-text"):
                for state, words in (
                    ("fs_steps", "Steps"),
                    ("fs_batch", "Slices a step"),
                    ("fs_patch", "Pixels a side"),
                ):
                    VTextField(
                        v_model=(state,), label=words, id=state.replace("fs_", "learn-"), type="number",
                        density="compact", variant="outlined", hide_details=True, classes="mb-2", min=1,
                    )  # fmt: skip


def _models(viewer):
    with Div(classes="px-4 mt-2", v_if=("fs_can_accept || fs_can_revert",)):
        action_button(
            "Use the new model", "accept", viewer.learning.accept, id="accept", v_if=("fs_can_accept",),
            prepend_icon="mdi-check", block=True, classes="mb-2", disabled=("fs_learn_busy",),
        )  # fmt: skip
        action_button(
            "Back to the former model", "revert", viewer.learning.revert, id="revert", v_if=("fs_can_revert",),
            prepend_icon="mdi-undo-variant", block=True, disabled=("fs_learn_busy",),
        )  # fmt: skip
    with Div(v_if=("fs_scores.length",), classes="px-4", id="scores"):
        Div("Dice on held-out cases", classes="fs-heading pt-4 pb-1")
        with Table(classes="fs-table"):
            with Tr():
                for words in ("case", "before", "after"):
                    Th(words)
            with Tr(v_for="s in fs_scores", key="s.case"):
                Td("{{ s.case }}")
                Td("{{ s.before }}")
                Td("{{ s.after }}")
            with Tr(classes="font-weight-bold"):
                Td("mean")
                Td("{{ fs_dice_before }}", id="dice-before")
                Td("{{ fs_dice_after }}", id="dice-after")
