"""A result as one step of the editor's undo."""

import contextlib

from slicer import vtkSegmentation
from undo_stack import UndoCommand


def copy_of(segmentation):
    copy = vtkSegmentation()
    copy.DeepCopy(segmentation)
    return copy


class ResultCommand(UndoCommand):
    """A segmentation before and after a result; `target` is trame-slicer's Segmentation."""

    def __init__(self, target, before, after):
        super().__init__()
        self._target, self._before, self._after = target, before, after

    def undo(self):
        self._target.segmentation.DeepCopy(self._before)
        self._target.trigger_modified()

    def redo(self):
        self._target.segmentation.DeepCopy(self._after)
        self._target.trigger_modified()


class UndoSteps:
    def __init__(self, editor):
        self._editor = editor
        self._copy = self._copied = self._time = None

    @contextlib.contextmanager
    def one_step(self):
        """What this block changes in the open segmentation is one step. Cheap when it changes nothing."""
        target = self._editor.active_segmentation
        if target is None:
            yield
            return
        segmentation = target.segmentation
        if self._copied is not segmentation or self._time != segmentation.GetMTime():
            self._copy, self._copied, self._time = copy_of(segmentation), segmentation, segmentation.GetMTime()
        yield
        if segmentation.GetMTime() != self._time and self._editor.active_segmentation is target:
            self._editor.undo_stack.push(ResultCommand(target, self._copy, copy_of(segmentation)))
