"""Choosing a model and running it: suggestion, warnings, progress, cancel, checks in words."""

from frugalseg import vtkMRMLFrugalSegNode
from slicer import vtkMRMLMessageCollection

from .tables import ask, rows_from, texts_of


class Segmenting:
    def __init__(self, viewer, model):
        self._viewer = viewer
        self._chosen = model  # by the user, "" while the suggestion is followed
        self._taken = model  # by us, so that the page's echo of it is not taken for a choice
        self._cancelled = False
        self.parameters = None
        self._structures = {}
        viewer.state.update(
            {
                "fs_models": [],
                "fs_model": model or None,
                "fs_suggested": "",
                "fs_model_warnings": [],
                "fs_busy": False,
                "fs_progress": 0,
                "fs_stage": "",
                "fs_checks": [],
                "fs_checked": False,
            }
        )
        viewer.state.change("fs_model")(self._on_model)
        self.list_models()

    # ---- models ----------------------------------------------------------------------------------

    def list_models(self):
        """Offer every model that can be found; one that cannot be read is listed with the reason."""
        state = self._viewer.state
        _, rows, _ = ask(self._viewer.logic.ListModels)
        self._structures = {row["name"]: row["structure"] for row in rows}
        items = [
            {
                "title": row["name"],
                "subtitle": row["problem"] or f"{row['structure']}, {row['contrast']} · {row['source']}",
                "disabled": bool(row["problem"]),
            }
            for row in rows
        ]
        if self._chosen and self._chosen not in self._structures:
            items.insert(0, {"title": self._chosen, "subtitle": "given at the start", "disabled": False})
        state.fs_models = items
        if not state.fs_model:
            self._take(self._viewer.learning.current_model(self._structures))

    def suggest(self, volume):
        """The model that suits a new volume; taken unless the user has chosen one."""
        state = self._viewer.state
        messages = vtkMRMLMessageCollection()
        state.fs_suggested = self._viewer.logic.SuggestModel(volume, messages)
        current = state.fs_model
        if not self._chosen and state.fs_suggested:
            same = self._structures.get(current) == self._structures.get(state.fs_suggested)
            self._take(current if current and same else state.fs_suggested)
        self._warn()

    def _take(self, model):
        self._taken = self._viewer.state.fs_model = model

    def use_suggested(self):
        self._chosen = ""
        if self._viewer.state.fs_suggested:
            self._take(self._viewer.state.fs_suggested)

    def choose(self, model):
        """Use a model because the user said so (or learning made it)."""
        self._chosen = model
        self._take(model)

    def _on_model(self, fs_model, **_):
        if fs_model and fs_model != self._taken:
            self._chosen = self._taken = fs_model
        if fs_model and fs_model != self._viewer.learning.current_model():
            self._viewer.learning.set_current_model(fs_model)
        self._warn()

    def _warn(self):
        """Say in which respects the volume lies outside the card of the chosen model."""
        state, volume = self._viewer.state, self._viewer.volume
        warnings = []
        if volume is not None and state.fs_model:
            _, rows, _ = ask(self._viewer.logic.CheckInput, volume, state.fs_model)
            warnings = [row["text"] for row in rows]
        state.fs_model_warnings = warnings

    # ---- a run -----------------------------------------------------------------------------------

    def forget(self):
        """The volume is another one: nothing of the last result is true any more."""
        scene = self._viewer.scene
        if self.parameters is not None:
            uncertainty = self.parameters.GetUncertaintyVolumeNode()
            if uncertainty is not None:
                scene.RemoveNode(uncertainty)
            scene.RemoveNode(self.parameters)
        self.parameters = vtkMRMLFrugalSegNode()
        scene.AddNode(self.parameters)
        self._viewer.state.update({"fs_checks": [], "fs_checked": False})

    def start(self):
        """Begin a run on the logic's worker thread; the page stays usable."""
        viewer, state = self._viewer, self._viewer.state
        if state.fs_busy:
            return
        if viewer.volume is None:
            viewer.messages.say("Open a series first.", "warning", "series")
            return
        if not state.fs_model:
            viewer.messages.say(
                "There is no model; put a .fseg file into ~/.local/share/frugalseg/models.", "error", "segment"
            )
            return
        self.parameters.SetInputVolumeNode(viewer.volume)
        self.parameters.SetSegmentationNode(viewer.editor.active_segmentation_node)
        self.parameters.SetModelName(state.fs_model)
        self.parameters.SetShowUncertainty(True)
        messages = vtkMRMLMessageCollection()
        if not viewer.logic.StartSegment(self.parameters, messages):
            viewer.messages.say(texts_of(messages) or "The run could not be started.", "error", "segment")
            return
        state.update({"fs_busy": True, "fs_progress": 0, "fs_stage": "starting"})
        viewer.messages.say("", "info", "segment")
        self._cancelled = False
        viewer.follow()

    def cancel(self):
        if self._viewer.state.fs_busy:
            self._cancelled = True
            self._viewer.logic.CancelSegment()
            self._viewer.state.fs_stage = "stopping"

    def poll(self):
        """Show progress; apply the result when there is one. Whether the run goes on."""
        viewer, state = self._viewer, self._viewer.state
        if not state.fs_busy:
            return False
        messages = vtkMRMLMessageCollection()
        with viewer.applying(), viewer.one_undo_step():
            ended = viewer.logic.ProcessPendingResults(messages)
        if not ended:
            state.fs_progress = round(100 * viewer.logic.GetProgress())
            state.fs_stage = viewer.logic.GetProgressStage()
            return True
        state.fs_busy = False
        self._on_ended(texts_of(messages))
        return False

    def _on_ended(self, texts):
        viewer, state = self._viewer, self._viewer.state
        segmentation = viewer.logic.GetLastSegmentation()
        state.fs_checks = [row["text"] for row in rows_from(viewer.logic.GetLastChecks)]
        if segmentation is None:
            if self._cancelled:
                viewer.messages.say(texts or "The run was cancelled; nothing has changed.", "info", "segment")
            else:
                viewer.messages.say(texts or "The run gave no result.", "warning", "segment")
            return
        state.fs_checked = True
        segment_id = viewer.logic.GetLastSegmentID()
        viewer.show_segment(segmentation, segment_id)
        name = segmentation.GetSegmentation().GetSegment(segment_id).GetName()
        others = [text for text in texts if text not in state.fs_checks]
        if others:
            viewer.messages.say(others, "warning", "segment")
        elif state.fs_checks:
            viewer.messages.say(f"{name} found, but look at the remarks below.", "warning", "segment")
        else:
            viewer.messages.say(f"{name} found. Check the outline in every slice.", "success", "segment")

