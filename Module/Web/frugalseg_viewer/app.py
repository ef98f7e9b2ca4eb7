"""The viewer's application: trame-slicer's segmentation app with the panel of FrugalSeg."""

import asyncio
import pathlib
import re

from frugalseg import vtkSlicerFrugalSegLogic
from slicer import vtkMRMLMessageCollection, vtkMRMLSliceNode
from trame_server.utils.asynchronous import create_task
from trame_slicer.app.segmentation_app import SegmentationApp
from trame_slicer.app.ui import SegmentEditorUI
from trame_slicer.segmentation import SegmentationOpacityEnum
from vtkmodules.vtkCommonDataModel import vtkTable

from . import models, panel

POLL_SECONDS = 0.1
SERIES_COLUMNS = ("uid", "description", "modality", "matrix", "spacing_mm", "slices", "verdict", "reason")


def texts_of(messages):
    return [messages.GetNthMessageText(i) for i in range(messages.GetNumberOfMessages())]


class FrugalSegViewer(SegmentationApp):
    """Keep a reference to it: trame-slicer's signals are weak."""

    def __init__(self, source=None, model="", out=pathlib.Path("frugalseg-results"), server=None):
        super().__init__(server)
        self._source = str(source or "")
        self._out = out
        self._frugalseg = self._slicer_app.register_module_logic(vtkSlicerFrugalSegLogic())
        self._editor = self._slicer_app.segmentation_editor
        self._volume = None
        self._unsaved = set()  # segments with hand corrections that no export holds
        self._applying = False
        self._cancelled = False
        self._task = None

        state = self.server.state
        state.trame__title = "FrugalSeg"
        state.trame__favicon = panel.ICON
        known = models.names()
        if model and model not in known:
            known.insert(0, model)
        state.update(
            {
                "fs_folder": self._source,
                "fs_series": [],
                "fs_uid": "",
                "fs_question": "",
                "fs_models": known,
                "fs_model": model or (known[0] if known else None),
                "fs_busy": False,
                "fs_progress": 0,
                "fs_stage": "",
                "fs_message": "",
                "fs_message_kind": "info",
                "fs_ml": "",
                "fs_structure": "",
                "fs_has_segment": False,
                "fs_outline_only": False,
            }
        )
        panel.build(self)
        self.server.trigger("frugalseg_open")(self.open_series)
        self._display = self._logic._segment_editor_logic
        self._display.data.segment_display.opacity_2d.value = 0.5
        self._display.data.segment_display.border_thickness.value = 2
        state.change("fs_outline_only")(self._on_outline_only)
        self._editor.segmentation_modified.connect(self._on_segmentation_modified)
        self._editor.active_segment_id_changed.connect(self._on_active_segment_changed)
        # The editor's tools were made before the views; emptied, the scene gets them anew, with views.
        self._slicer_app.scene.Clear()
        self._list_series()

    # ---- messages --------------------------------------------------------------------------------

    def _say(self, text, kind="info"):
        """Show one message in the panel; kind: info, success, warning, error."""
        state = self.server.state
        state.fs_message, state.fs_message_kind = text, kind

    # ---- series ----------------------------------------------------------------------------------

    def _list_series(self):
        state = self.server.state
        source = pathlib.Path(self._source)
        if not self._source:
            self._say("No folder was given. Start the viewer with one: frugalseg-viewer FOLDER", "warning")
            return
        if source.is_file():
            row = dict.fromkeys(SERIES_COLUMNS, "")
            row.update(uid=str(source), description=source.name, verdict="ok")
            state.fs_series = [row]
        else:
            table, messages = vtkTable(), vtkMRMLMessageCollection()
            if not self._frugalseg.ListSeries(self._source, table, messages):
                self._say(" ".join(texts_of(messages)) or "The folder holds no DICOM image.", "error")
                return
            state.fs_series = [
                {name: table.GetValueByName(i, name).ToString() for name in SERIES_COLUMNS}
                for i in range(table.GetNumberOfRows())
            ]
        usable = [row for row in state.fs_series if row["verdict"] != "refused"]
        if usable:
            self._say("Choose a series.")
        else:
            self._say("None of the series can be used; the reasons are in the list.", "error")

    async def open_series(self, uid, sure=False):
        """Load a series as the volume of the scene; asks first when corrections would be lost."""
        state = self.server.state
        if state.fs_busy:
            return
        row = next((r for r in state.fs_series if r["uid"] == uid), None)
        if row is None or row["verdict"] == "refused":
            reason = row["reason"] if row else "it is not in the list"
            self._say(f"This series cannot be opened: {reason}.", "error")
            return
        if uid == state.fs_uid:
            return  # it is open; nothing of it is thrown away by a second click
        if self._unsaved and not sure:
            state.fs_question = uid
            return
        state.fs_question = ""
        self._say("Opening the series ...")
        state.flush()
        await asyncio.sleep(0.05)  # let the page show it

        messages = vtkMRMLMessageCollection()
        previous = self._volume
        if pathlib.Path(self._source).is_file():
            volume = self._frugalseg.LoadVolumeFile(self._source, messages)
        else:
            volume = self._frugalseg.LoadSeries(self._source, uid, messages)
        if volume is None:
            self._say(" ".join(texts_of(messages)), "error")
            return
        self._replace_volume(previous, volume)
        state.fs_uid = uid
        warning = " ".join(texts_of(messages))
        if not state.fs_model:
            self._say("There is no model; put a .fseg file into ~/.local/share/frugalseg/models.", "error")
        else:
            self._say(warning or "Ready. Press Segment.", "warning" if warning else "info")

    def _replace_volume(self, previous, volume):
        scene = self._slicer_app.scene
        self._applying = True  # what follows is no correction
        self._editor.deactivate_effect()
        for node in list(scene.GetNodesByClass("vtkMRMLSegmentationNode")):
            scene.RemoveNode(node)
        if previous is not None:
            self._slicer_app.display_manager.hide_volume(previous)
            scene.RemoveNode(previous)
        self._volume = volume
        display = self._slicer_app.display_manager
        display.show_volume(volume, do_reset_views=True)
        # The grey volume would hide the surface of the structure, which is what 3D is for here.
        self._slicer_app.volume_rendering.get_vr_display_node(volume).SetVisibility(False)
        self._logic._load_files_logic.volume_loaded(volume)
        self._logic.data.active_tool = panel.TOOL
        self._applying = False
        self._unsaved = set()
        self.server.state.update({"fs_has_segment": False, "fs_ml": "", "fs_structure": ""})

    def keep_series(self):
        self.server.state.fs_question = ""

    # ---- segmenting ------------------------------------------------------------------------------

    def segment(self):
        """Begin a run on the logic's worker thread; the page stays usable."""
        state = self.server.state
        if state.fs_busy or self._volume is None:
            return
        messages = vtkMRMLMessageCollection()
        target = self._editor.active_segmentation_node
        if not self._frugalseg.StartSegment(self._volume, state.fs_model or "", target, messages):
            self._say(" ".join(texts_of(messages)) or "The run could not be started.", "error")
            return
        state.update({"fs_busy": True, "fs_progress": 0, "fs_stage": "starting"})
        self._say("")
        self._cancelled = False
        self._task = create_task(self._follow())

    def cancel(self):
        self._cancelled = True
        self._frugalseg.CancelSegment()
        self.server.state.fs_stage = "stopping"

    async def _follow(self):
        state = self.server.state
        messages = vtkMRMLMessageCollection()
        try:
            while True:
                self._applying = True
                ended = self._frugalseg.ProcessPendingResults(messages)
                self._applying = False
                if ended:
                    break
                with state:
                    state.fs_progress = round(100 * self._frugalseg.GetProgress())
                    state.fs_stage = self._frugalseg.GetProgressStage()
                await asyncio.sleep(POLL_SECONDS)
            with state:
                self._on_ended(texts_of(messages))
        finally:
            self._applying = False
            with state:
                state.fs_busy = False

    def _on_ended(self, texts):
        segmentation = self._frugalseg.GetLastSegmentation()
        if segmentation is None:
            silent = "The run was cancelled; nothing has changed." if self._cancelled else "The run gave no result."
            self._say(" ".join(texts) or silent, "info" if self._cancelled else "warning")
            return
        segment_id = self._frugalseg.GetLastSegmentID()
        self._applying = True
        self._editor.set_active_segmentation(segmentation, self._volume)
        self._editor.set_active_segment_id(segment_id)
        self._display._on_segment_display_changed(self._display.data.segment_display)
        self._display.data.segment_display.show_3d = True
        self._editor.set_surface_representation_enabled(True)
        centre = segmentation.GetSegmentCenterRAS(segment_id)
        if centre is not None:
            vtkMRMLSliceNode.JumpAllSlices(self._slicer_app.scene, *centre)
        for view in self._slicer_app.view_manager.get_views():
            if view.get_view_node().IsA("vtkMRMLViewNode"):
                view.reset_view()
        self._applying = False
        self._show_measure()
        name = segmentation.GetSegmentation().GetSegment(segment_id).GetName()
        if texts:
            self._say(" ".join(texts), "warning")
        else:
            self._say(f"{name} found. Check the outline in every slice.", "success")

    # ---- measuring and display -------------------------------------------------------------------

    def _active_segment(self):
        segment_id = self._editor.get_active_segment_id()
        return segment_id, self._editor.get_segment(segment_id) if segment_id else None

    def _show_measure(self):
        segment_id, segment = self._active_segment()
        state = self.server.state
        state.fs_has_segment = segment is not None
        if segment is None:
            state.fs_ml = state.fs_structure = ""
            return
        mask = self._editor.get_segment_labelmap(segment_id, as_numpy_array=True)
        spacing = self._volume.GetSpacing()
        voxels = int((mask > 0).sum()) if mask is not None else 0
        state.fs_structure = segment.GetName()
        state.fs_ml = f"{voxels * spacing[0] * spacing[1] * spacing[2] / 1000:.1f}"

    def _on_segmentation_modified(self, *_):
        if self._applying or self._volume is None or not self._editor.active_segmentation_node:
            return
        segmentation = self._editor.active_segmentation_node
        segment_id, segment = self._active_segment()
        if segment is not None:
            own = self._frugalseg.IsOwnSegment(segmentation, segment_id)
            if not own or self._frugalseg.IsSegmentEdited(segmentation, segment_id, self._volume):
                self._unsaved.add(segment_id)
        with self.server.state:
            self._show_measure()

    def _on_active_segment_changed(self, *_):
        if not self._applying and self._volume is not None:
            self._show_measure()

    def _on_outline_only(self, fs_outline_only, **_):
        mode = SegmentationOpacityEnum.OUTLINE if fs_outline_only else SegmentationOpacityEnum.BOTH
        self._display.data.segment_display.opacity_mode = mode

    def show_panel(self):
        data = self._ui.data
        data.is_drawer_visible = not (data.is_drawer_visible and data.active_tool == panel.TOOL)
        data.active_tool = panel.TOOL if data.is_drawer_visible else None

    def show_editor(self):
        self._ui.data.is_drawer_visible, self._ui.data.active_tool = True, SegmentEditorUI.__name__

    # ---- export ----------------------------------------------------------------------------------

    def _new_path(self, suffix):
        """A file name that is not taken, after the structure: never a patient's name."""
        stem = re.sub(r"[^A-Za-z0-9]+", "-", self.server.state.fs_structure).strip("-").lower() or "segment"
        path, number = self._out / f"{stem}{suffix}", 1
        while path.exists():
            number += 1
            path = self._out / f"{stem}-{number}{suffix}"
        return path

    def _export(self, write, suffix):
        segment_id, segment = self._active_segment()
        if segment is None:
            self._say("There is no segment to export; press Segment first.", "warning")
            return
        messages = vtkMRMLMessageCollection()
        try:
            self._out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._say(f"The folder {self._out} cannot be made: {error.strerror}.", "error")
            return
        path = self._new_path(suffix)
        self._applying = True  # writing touches the node, but it is no correction
        written = write(self._editor.active_segmentation_node, segment_id, self._volume, str(path), messages)
        self._applying = False
        if not written:
            self._say(" ".join(texts_of(messages)) or f"{path} could not be written.", "error")
            return
        self._unsaved.discard(segment_id)
        self._say(" ".join([f"Saved {path.resolve()}.", *texts_of(messages)]), "success")

    def export_dicom(self):
        self._export(self._frugalseg.ExportSegmentation, ".dcm")

    def export_nifti(self):
        self._export(self._frugalseg.ExportMask, ".nii.gz")
