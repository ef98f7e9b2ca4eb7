"""The loop of an annotator: save a label, open the next case, learn, propagate inside a case."""

from frugalseg import vtkSlicerFrugalSegLearningLogic as Logic
from slicer import vtkMRMLMessageCollection

from .tables import ask, rows_from, texts_of

ORDERS = [
    {"title": "least sure first", "value": Logic.OrderUncertain},
    {"title": "at random", "value": Logic.OrderRandom},
    {"title": "by name", "value": Logic.OrderFirst},
]
ACTIVITIES = {"rank": Logic.Ranking, "learn": Logic.Learning, "propagate": Logic.Propagation}
CURVE = (300, 110)  # drawing area of the loss curve, px
SHOWN_CASES = 8


def duration(seconds):
    if seconds < 0:
        return ""
    return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {max(seconds, 1):.0f} s left"


def curve_points(values, low, high):
    """Points of a polyline for `values` over CURVE, between the losses `low` and `high`."""
    width, height = CURVE
    span = max(high - low, 1e-6)
    last = max(len(values) - 1, 1)
    return " ".join(
        f"{i * width / last:.1f},{height - (value - low) / span * height:.1f}" for i, value in enumerate(values)
    )


class Learning:
    def __init__(self, viewer, dataset):
        self._viewer = viewer
        self.logic = viewer.register(Logic())
        self.logic.SetSegmentLogic(viewer.logic)
        self._open_after_ranking = False
        state = viewer.state
        state.update(
            {
                "fs_dataset": str(dataset),
                "fs_cases": [],
                "fs_case": "",
                "fs_orders": ORDERS,
                "fs_order": Logic.OrderUncertain,
                "fs_ranking": [],
                "fs_steps": self.logic.GetLearningSteps(),
                "fs_batch": self.logic.GetBatchSize(),
                "fs_patch": self.logic.GetPatchSize(),
                "fs_current_model": "",
                "fs_learned_model": "",
                "fs_can_accept": False,
                "fs_can_revert": False,
            }
        )
        for name in ACTIVITIES:
            state.update({f"fs_{name}_busy": False, f"fs_{name}_progress": 0, f"fs_{name}_stage": ""})
        self._clear_run()
        messages = vtkMRMLMessageCollection()
        if not self.logic.SetDatasetFolder(str(dataset), messages):
            viewer.messages.say(texts_of(messages), "error", "labels")
        state.change("fs_order")(self._on_order)
        self._list_cases()
        self._show_models()

    # ---- labels ----------------------------------------------------------------------------------

    def _list_cases(self):
        _, rows, _ = ask(self.logic.ListCases)
        self._viewer.state.fs_cases = [
            {name: str(row[name]) for name in ("case", "structures", "version", "role")} for row in rows
        ]

    def save_label(self):
        """Image and segment go into the dataset as a training case, with a new version if it is there."""
        viewer, say = self._viewer, self._viewer.messages.say
        segment_id, segment = viewer.active_segment()
        if segment is None:
            say("There is no segment to save; press Segment first.", "warning", "labels")
            return
        messages = vtkMRMLMessageCollection()
        with viewer.applying():
            case = self.logic.SaveLabel(
                viewer.volume, viewer.editor.active_segmentation_node, segment_id, "", messages
            )
        if not case:
            say(texts_of(messages) or "The label could not be saved.", "error", "labels")
            return
        viewer.unsaved.discard(segment_id)
        self._list_cases()
        viewer.state.fs_case = case
        row = next((r for r in viewer.state.fs_cases if r["case"] == case), {})
        say(
            [f"Saved as {case}, version {row.get('version', '1')} of its label.", *texts_of(messages)],
            "success",
            "labels",
        )

    # ---- open next -------------------------------------------------------------------------------

    def _on_order(self, **_):
        self._viewer.state.fs_ranking = []

    def rank(self, then_open=False):
        """Put the cases of the folder into the chosen order."""
        viewer, state = self._viewer, self._viewer.state
        if state.fs_rank_busy:
            return
        folder = viewer.series.source
        if not folder or viewer.series.is_file:
            viewer.messages.say("Start the viewer with a folder of several series to go through.", "warning", "next")
            return
        messages = vtkMRMLMessageCollection()
        if not self.logic.StartRanking(folder, int(state.fs_order), messages):
            viewer.messages.say(texts_of(messages) or "No case can be proposed.", "warning", "next")
            return
        self._open_after_ranking = then_open
        self._begin("rank")

    def open_next(self, sure=False):
        """Open the first case of the order that is neither opened nor labelled."""
        viewer, state = self._viewer, self._viewer.state
        if state.fs_busy or state.fs_rank_busy or state.fs_propagate_busy:
            return
        if not viewer.series.may_leave("next", sure):
            return
        if not state.fs_ranking:
            self.rank(then_open=True)
            return
        messages = vtkMRMLMessageCollection()
        volume = self.logic.OpenNext(messages)
        self._show_ranking()
        if volume is None:
            viewer.messages.say(texts_of(messages) or "Every case has been opened.", "info", "next")
            return
        row = next((r for r in reversed(state.fs_ranking) if r["current"]), None)
        viewer.show_volume(volume, row["source"] if row else "")
        name = row["name"] if row else "the next case"
        viewer.messages.say([f"Opened {name}.", *texts_of(messages)], "info", "next")

    def _show_ranking(self):
        state = self._viewer.state
        before = {row["source"]: row["state"] for row in state.fs_ranking}
        rows = []
        for row in rows_from(self.logic.GetRanking):
            text = {name: str(value) for name, value in row.items()}
            text["name"] = self._viewer.series.name(text["source"]) or text["name"]
            text["current"] = text["state"] == "opened" and before.get(text["source"]) == ""
            rows.append(text)
        state.fs_ranking = rows

    # ---- learning --------------------------------------------------------------------------------

    def current_model(self, known=None):
        """The model that learning starts from; with `known` names: "" when it is none of them."""
        model = self.logic.GetCurrentModel()
        return model if known is None or model in known else next(iter(known), "")

    def set_current_model(self, model):
        messages = vtkMRMLMessageCollection()
        if not self.logic.SetCurrentModel(model, messages):
            self._viewer.messages.say(texts_of(messages), "error", "segment")
        self._show_models()

    def _clear_run(self):
        self._viewer.state.update(
            {
                "fs_curve": "",
                "fs_curve_smooth": "",
                "fs_loss_high": "",
                "fs_loss_low": "",
                "fs_loss_step": 0,
                "fs_scores": [],
                "fs_dice_before": "",
                "fs_dice_after": "",
            }
        )

    def learn(self):
        """Fine-tune the current model on the saved labels, in the background."""
        viewer, state = self._viewer, self._viewer.state
        if state.fs_learn_busy:
            return
        for name, setter in (
            ("fs_steps", self.logic.SetLearningSteps),
            ("fs_batch", self.logic.SetBatchSize),
            ("fs_patch", self.logic.SetPatchSize),
        ):
            try:
                setter(int(state[name]))
            except (TypeError, ValueError):
                viewer.messages.say("Steps, slices a step and pixels must be whole numbers.", "warning", "learn")
                return
        messages = vtkMRMLMessageCollection()
        if not self.logic.StartLearning(messages):
            viewer.messages.say(texts_of(messages) or "Learning could not be started.", "warning", "learn")
            return
        self._clear_run()
        viewer.messages.say(texts_of(messages), "info", "learn")
        self._begin("learn")

    def _show_curve(self):
        rows = rows_from(self.logic.GetLossCurve)
        if len(rows) < 2:
            return
        losses = [float(row["loss"]) for row in rows]
        low, high = min(losses), max(losses)
        self._viewer.state.update(
            {
                "fs_curve": curve_points(losses, low, high),
                "fs_curve_smooth": curve_points([float(row["smoothed"]) for row in rows], low, high),
                "fs_loss_high": f"{high:.3g}",
                "fs_loss_low": f"{low:.3g}",
                "fs_loss_step": len(rows),
            }
        )

    def _show_scores(self):
        before, after = self.logic.GetMeanDiceBefore(), self.logic.GetMeanDiceAfter()
        self._viewer.state.update(
            {
                "fs_scores": [
                    {"case": str(row["case"]), **{k: self._dice(row[k]) for k in ("before", "after")}}
                    for row in rows_from(self.logic.GetScores)
                ],
                "fs_dice_before": self._dice(before if before >= 0 else ""),
                "fs_dice_after": self._dice(after if after >= 0 else ""),
            }
        )

    @staticmethod
    def _dice(value):
        return "" if value == "" else f"{float(value):.3f}"

    def accept(self):
        self._change_model(self.logic.AcceptModel, "is now in use.")

    def revert(self):
        self._change_model(self.logic.RevertModel, "is in use again.")

    def _change_model(self, change, words):
        messages = vtkMRMLMessageCollection()
        if not change(messages):
            self._viewer.messages.say(texts_of(messages) or "There is no other model.", "warning", "learn")
            return
        self._model_changed()
        self._viewer.messages.say(
            [f"The model {self.logic.GetCurrentModel()} {words}", *texts_of(messages)], "success", "learn"
        )

    def _model_changed(self):
        """Segment with what learning uses."""
        self._viewer.segmenting.list_models()
        self._viewer.segmenting.choose(self.logic.GetCurrentModel())
        self._viewer.state.fs_ranking = []  # its order was the former model's
        self._show_models()

    def _show_models(self):
        self._viewer.state.update(
            {
                "fs_current_model": self.logic.GetCurrentModel(),
                "fs_learned_model": self.logic.GetLearnedModel(),
                "fs_can_accept": self.logic.CanAcceptModel(),
                "fs_can_revert": self.logic.CanRevertModel(),
            }
        )

    # ---- propagating -----------------------------------------------------------------------------

    def propagate(self):
        """Carry the corrections of some slices of this case to its other slices."""
        viewer, state = self._viewer, self._viewer.state
        segment_id, segment = viewer.active_segment()
        if state.fs_busy or state.fs_propagate_busy:
            return
        if segment is None:
            viewer.messages.say("There is no segment; press Segment first.", "warning", "segment")
            return
        messages = vtkMRMLMessageCollection()
        if not self.logic.StartPropagation(
            viewer.volume, viewer.editor.active_segmentation_node, segment_id, None, messages
        ):
            viewer.messages.say(texts_of(messages) or "Nothing to propagate.", "warning", "result")
            return
        viewer.messages.say("", "info", "result")
        self._begin("propagate")

    # ---- activities ------------------------------------------------------------------------------

    def _begin(self, name):
        self._viewer.state.update({f"fs_{name}_busy": True, f"fs_{name}_progress": 0, f"fs_{name}_stage": "starting"})
        self._viewer.follow()

    def cancel(self, name):
        if self._viewer.state[f"fs_{name}_busy"]:
            self.logic.Cancel(ACTIVITIES[name])
            self._viewer.state[f"fs_{name}_stage"] = "stopping"

    def poll(self):
        """Show what goes on; apply what has ended. Whether anything goes on."""
        viewer, state = self._viewer, self._viewer.state
        busy = [name for name in ACTIVITIES if state[f"fs_{name}_busy"]]
        if not busy:
            return False
        with viewer.applying(), viewer.one_undo_step():
            self.logic.ProcessPendingResults(vtkMRMLMessageCollection())
        for name in busy:
            activity = ACTIVITIES[name]
            if name == "learn":
                self._show_curve()
                self._show_scores()
            if self.logic.IsRunning(activity):
                stage, left = self.logic.GetProgressStage(activity), duration(self.logic.GetRemainingSeconds(activity))
                state[f"fs_{name}_progress"] = round(100 * self.logic.GetProgress(activity))
                state[f"fs_{name}_stage"] = ", ".join(part for part in (stage, left) if part)
            else:
                state[f"fs_{name}_busy"] = False
                getattr(self, f"_on_{name}_ended")(self.logic.GetLastMessage(activity))
        return any(state[f"fs_{name}_busy"] for name in ACTIVITIES)

    def _succeeded(self, name):
        return self.logic.GetLastSucceeded(ACTIVITIES[name])

    def _on_rank_ended(self, text):
        viewer = self._viewer
        if not self._succeeded("rank"):
            viewer.messages.say(text or "No case can be proposed.", "info" if "ancel" in text else "warning", "next")
            return
        self._show_ranking()
        viewer.messages.say(text, "warning" if text else "info", "next")
        if self._open_after_ranking and viewer.state.fs_ranking:
            self.open_next(sure=True)  # asked before the order was made

    def _on_learn_ended(self, text):
        viewer, state = self._viewer, self._viewer.state
        self._list_cases()
        self._show_models()
        if not self._succeeded("learn"):
            viewer.messages.say(text or "Learning gave no model.", "info" if "ancel" in text else "error", "learn")
            return
        if state.fs_can_accept:
            viewer.segmenting.list_models()
            words = f"{state.fs_learned_model} is no better on the held-out cases; the former model stays in use."
            viewer.messages.say(text or words, "warning", "learn")
            return
        self._model_changed()
        viewer.messages.say([f"{state.fs_current_model} is now in use.", text], "success", "learn")

    def _on_propagate_ended(self, text):
        viewer = self._viewer
        if not self._succeeded("propagate"):
            viewer.messages.say(text or "Nothing was changed.", "info" if "ancel" in text else "warning", "result")
            return
        viewer.result.measure()
        viewer.mark_edited()
        slices = self.logic.GetNumberOfPropagatedSlices()
        viewer.messages.say([f"{slices} slices were drawn anew after your corrections.", text], "success", "result")
