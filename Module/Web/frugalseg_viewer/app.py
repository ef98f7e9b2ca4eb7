"""The viewer's application: trame-slicer's segmentation app with the panels of FrugalSeg.

The work is done by vtkSlicerFrugalSegLogic and vtkSlicerFrugalSegLearningLogic; here is only what
belongs to the page. One part for each purpose: series, segmenting, result, exporting, learning,
views, keyboard; `ui` holds what is drawn.
"""

import asyncio
import contextlib
import pathlib

from frugalseg import vtkSlicerFrugalSegLogic
from trame_server.utils.asynchronous import create_task
from trame_slicer.app.segmentation_app import SegmentationApp
from trame_slicer.app.ui import SegmentEditorUI
from trame_slicer.segmentation import SegmentationEffectPaint

from . import ui
from .exporting import Exporting
from .keyboard import Keyboard
from .learning import Learning
from .messages import Messages
from .result import Result
from .segmenting import Segmenting
from .series import Series
from .undo import UndoSteps
from .views import Views

POLL_SECONDS = 0.1


class FrugalSegViewer(SegmentationApp):
    """Keep a reference to it: trame-slicer's signals are weak."""

    def __init__(self, source=None, model="", out=pathlib.Path("frugalseg-results"), dataset=None, server=None):
        super().__init__(server)
        self.scene = self._slicer_app.scene
        self.editor = self._slicer_app.segmentation_editor
        self.segment_display = self._logic._segment_editor_logic.data.segment_display
        self.logic = self.register(vtkSlicerFrugalSegLogic())
        self.volume = None
        self.unsaved = set()  # segments with hand corrections that neither an export nor a label holds
        self._applying = 0
        self._task = None

        self.state.trame__title = "FrugalSeg"
        self.state.trame__favicon = ui.ICON
        self.one_undo_step = UndoSteps(self.editor).one_step
        self.messages = Messages(self.state)
        self.views = Views(self._slicer_app)
        self.learning = Learning(self, dataset or out / "dataset")
        self.segmenting = Segmenting(self, model)
        self.series = Series(self, source)
        self.result = Result(self)
        self.exporting = Exporting(self, out)
        self.keyboard = Keyboard(self)
        ui.build(self)

        self.server.trigger("frugalseg_open")(self.series.open)
        self.segment_display.opacity_2d.value = 0.5
        self.segment_display.border_thickness.value = 2
        self.editor.segmentation_modified.connect(self._on_segmentation_modified)
        self.editor.active_segment_id_changed.connect(self._on_active_segment_changed)
        # The editor's tools were made before the views; emptied, the scene gets them anew, with views.
        self.scene.Clear()
        self.segmenting.forget()
        self.series.list()

    def register(self, logic):
        return self._slicer_app.register_module_logic(logic)

    # ---- what goes on ----------------------------------------------------------------------------

    @contextlib.contextmanager
    def applying(self):
        """Changes of the segmentation in this block are no corrections by hand."""
        self._applying += 1
        try:
            yield
        finally:
            self._applying -= 1

    def follow(self):
        """Watch what runs on worker threads until nothing does."""
        if self._task is None or self._task.done():
            self._task = create_task(self._follow())

    async def _follow(self):
        going_on = True
        while going_on:
            await asyncio.sleep(POLL_SECONDS)
            with self.state:
                segmenting, learning = self.segmenting.poll(), self.learning.poll()
                going_on = segmenting or learning

    def cancel_all(self):
        """Stop whatever runs; nothing that it would have changed is changed."""
        self.segmenting.cancel()
        for name in ("rank", "learn", "propagate"):
            self.learning.cancel(name)

    # ---- the case --------------------------------------------------------------------------------

    def show_volume(self, volume, uid):
        """Make `volume` the case that is worked on; the one before leaves the scene."""
        previous, display = self.volume, self._slicer_app.display_manager
        with self.applying():
            self.editor.deactivate_effect()
            self.state.fs_uncertainty = False
            self.segmenting.forget()
            for node in list(self.scene.GetNodesByClass("vtkMRMLSegmentationNode")):
                self.scene.RemoveNode(node)
            if previous is not None:
                display.hide_volume(previous)
                self.scene.RemoveNode(previous)
            self.volume = volume
            display.show_volume(volume)
            # The grey volume would hide the surface of the structure, which is what 3D is for here.
            self._slicer_app.volume_rendering.get_vr_display_node(volume).SetVisibility(False)
            tool = self._ui.data.active_tool
            self._logic._load_files_logic.volume_loaded(volume)  # opens the editor: back to where we were
            self._ui.data.active_tool = tool if tool in ui.TOOLS else ui.CASE_TOOL
        self.views.fit()
        self.unsaved.clear()
        self.state.update({"fs_uid": uid, "fs_case": ""})
        self.result.map_changed()
        self.result.measure()
        self.segmenting.suggest(volume)
        self.exporting.list_saved()

    def show_segment(self, segmentation, segment_id):
        """Show a result: active in the editor, in all views, measured."""
        with self.applying():
            if self.editor.active_segmentation_node is not segmentation:
                self.editor.set_active_segmentation(segmentation, self.volume)
            self.editor.set_active_segment_id(segment_id)
            self._logic._segment_editor_logic._on_segment_display_changed(self.segment_display)
            self.segment_display.show_3d = True
            self.editor.set_surface_representation_enabled(True)
            centre = segmentation.GetSegmentCenterRAS(segment_id)
            if centre is not None:
                self.views.jump(centre)
            self.views.fit_3d()
        self.result.map_changed()
        self.result.measure()

    def active_segment(self):
        """ID and segment that the editor works on; ("", None) without one."""
        segment_id = self.editor.get_active_segment_id()
        return segment_id, self.editor.get_segment(segment_id) if segment_id else None

    def mark_edited(self):
        """Remember that the active segment holds work of a person that is not saved yet."""
        segmentation, (segment_id, segment) = self.editor.active_segmentation_node, self.active_segment()
        if segment is None or self.volume is None:
            return
        own = self.logic.IsOwnSegment(segmentation, segment_id)
        if not own or self.logic.IsSegmentEdited(segmentation, segment_id, self.volume):
            self.unsaved.add(segment_id)
        else:
            self.unsaved.discard(segment_id)

    def _on_segmentation_modified(self, *_):
        if self._applying or self.volume is None or not self.editor.active_segmentation_node:
            return
        self.mark_edited()
        self.result.measure_soon()

    def _on_active_segment_changed(self, *_):
        if not self._applying and self.volume is not None:
            with self.state:
                self.result.measure()

    async def leave_anyway(self):
        """The answer "open anyway" to the question whether unsaved corrections may go."""
        target = self.state.fs_question
        if target == "next":
            self.learning.open_next(sure=True)
        elif target:
            await self.series.open(target, sure=True)

    # ---- panels ----------------------------------------------------------------------------------

    def show_panel(self, name):
        """Show the panel "case" or "learn"; if it is shown already, it stays."""
        self._ui.data.is_drawer_visible = True
        self._ui.data.active_tool = {"case": ui.CASE_TOOL, "learn": ui.LEARN_TOOL}[name]

    def toggle_panel(self, name):
        tool = {"case": ui.CASE_TOOL, "learn": ui.LEARN_TOOL}[name]
        data = self._ui.data
        if self.messages.home != name:
            self.messages.clear()  # it was read where it stood
        data.is_drawer_visible = not (data.is_drawer_visible and data.active_tool == tool)
        data.active_tool = tool if data.is_drawer_visible else None

    def toggle_drawer(self):
        data = self._ui.data
        data.is_drawer_visible = not data.is_drawer_visible
        if data.is_drawer_visible and data.active_tool is None:
            data.active_tool = ui.CASE_TOOL

    def correct(self, effect=SegmentationEffectPaint):
        """Open the segment editor with a tool in hand."""
        if self.active_segment()[1] is None:
            self.messages.say("There is no segment to correct; press Segment first.", "warning", "segment")
            return
        self.messages.clear()
        self._ui.data.is_drawer_visible, self._ui.data.active_tool = True, SegmentEditorUI.__name__
        self.editor.set_active_effect_type(effect)
