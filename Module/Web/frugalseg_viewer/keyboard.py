"""Every action by keyboard: what each shortcut (shortcuts.py) does."""

from trame_slicer.segmentation import (
    SegmentationEffectErase,
    SegmentationEffectPaint,
    SegmentationEffectScissors,
    SegmentationEffectSmoothing,
)

from .shortcuts import ACTIONS, KEY_OF


class Keyboard:
    def __init__(self, viewer):
        self._viewer = viewer
        viewer.state.update({"fs_help": False, "fs_keys": True})
        viewer.server.trigger("frugalseg_key")(self.press)
        effects = {
            "brush": SegmentationEffectPaint,
            "eraser": SegmentationEffectErase,
            "scissors": SegmentationEffectScissors,
            "smoothing": SegmentationEffectSmoothing,
        }
        v = viewer
        self._do = {
            "focus_series": lambda: v.show_panel("case"),
            "segment": v.segmenting.start,
            "cancel": v.cancel_all,
            "use_suggested": v.segmenting.use_suggested,
            "outline": v.result.toggle_outline,
            "more_opaque": lambda: v.result.change_opacity(0.1),
            "less_opaque": lambda: v.result.change_opacity(-0.1),
            "uncertainty": v.result.toggle_uncertainty,
            "slice_up": lambda: v.views.step("Axial", 1),
            "slice_down": lambda: v.views.step("Axial", -1),
            "coronal_up": lambda: v.views.step("Coronal", 1),
            "coronal_down": lambda: v.views.step("Coronal", -1),
            "sagittal_up": lambda: v.views.step("Sagittal", 1),
            "sagittal_down": lambda: v.views.step("Sagittal", -1),
            "fit": v.views.fit,
            "panel": v.toggle_drawer,
            "no_tool": v.editor.deactivate_effect,
            "undo": lambda: v.editor.undo_stack.undo(),
            "redo": lambda: v.editor.undo_stack.redo(),
            "propagate": v.learning.propagate,
            "save_label": v.learning.save_label,
            "open_next": v.learning.open_next,
            "learn": v.learning.learn,
            "accept": v.learning.accept,
            "revert": v.learning.revert,
            "open_saved": v.exporting.open_saved,
            "help": self.help,
            **{name: lambda effect=effect: v.correct(effect) for name, effect in effects.items()},
            **{f"export_{name}": lambda name=name: v.exporting.write(name) for name in ("dicom", "nifti", "nrrd", "stl")},
        }
        assert set(self._do) == set(KEY_OF)

    def press(self, key):
        """Do what a key means; unknown keys mean nothing."""
        action = ACTIONS.get(key)
        if action:
            self._do[action]()

    def help(self):
        self._viewer.state.fs_help = not self._viewer.state.fs_help
