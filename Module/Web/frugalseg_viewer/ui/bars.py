"""The bars above and below: the steps of the work, help, the notice."""

from trame.widgets.html import Div, Span
from trame.widgets.vuetify3 import VBtn, VIcon, VSpacer, VToolbarTitle

from .style import NOTICE, key_label, key_of, short_path


def fill(viewer, layout):
    """Our own bars: trame-slicer's load files without a verdict, and its dialog links elsewhere."""
    layout.appbar.clear()
    with layout.appbar:
        VToolbarTitle("FrugalSeg", style="user-select: none; flex: none;", classes="mr-6")
        with Div(classes="fs-steps d-flex ga-1", role="toolbar", raw_attrs=['aria-label="steps"']):
            _step("Segment", "segment", "mdi-play", viewer.segmenting.start, "!fs_uid || !fs_model || fs_busy")
            _arrow()
            _step("Correct", "brush", "mdi-brush", viewer.correct, "!fs_has_segment || fs_busy")
            _arrow()
            _step("Save label", "save_label", "mdi-label-outline", viewer.learning.save_label, "!fs_has_segment || fs_busy")
            _arrow()
            _step("Next case", "open_next", "mdi-skip-next", viewer.learning.open_next, "!fs_folder || fs_busy || fs_rank_busy")
            _arrow()
            _step("Learn", "learn", "mdi-school-outline", viewer.learning.learn, "!fs_cases.length || fs_learn_busy")
        VSpacer()
        with VBtn(id="help", click=viewer.keyboard.help, variant="text", raw_attrs=['aria-keyshortcuts="?"']):
            Span("Keys")
            key_label("help")
        Span(NOTICE, id="notice", classes="fs-notice mx-4", role="note")
    layout.footer.clear()
    with layout.footer:
        Span(short_path("fs_folder"), raw_attrs=[':title="fs_folder"'], classes="text-caption text-grey-lighten-1")
        VSpacer()
        Span(NOTICE, classes="text-caption text-grey-lighten-1")


def _step(words, action, icon, click, disabled):
    with VBtn(
        id=f"step-{action}",
        click=click,
        disabled=(disabled,),
        variant="text",
        prepend_icon=icon,
        classes="px-2",
        raw_attrs=[f'aria-keyshortcuts="{key_of(action)}"'],
    ):
        Span(words)
        key_label(action)


def _arrow():
    VIcon("mdi-chevron-right", size="small", classes="align-self-center", style="opacity: 0.5;")
