"""A result as one step of the editor's undo."""

import contextlib

from slicer import vtkSegmentation, vtkSegmentationConverter
from undo_stack import UndoCommand


def copy_of(segmentation):
    copy = vtkSegmentation()
    copy.DeepCopy(segmentation)
    return copy


def time_of(segmentation):
    """When the segmentation or the voxels of one of its segments changed last."""
    name = vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    segments = [segmentation.GetSegment(segment_id) for segment_id in segmentation.GetSegmentIDs()]
    masks = [segment.GetRepresentation(name) for segment in segments]
    return max(thing.GetMTime() for thing in (segmentation, *segments, *masks) if thing is not None)


class ResultCommand(UndoCommand):
    """The open segmentation before and after a result, and which segment was active before."""

    def __init__(self, editor, before, active, after):
        super().__init__()
        self._editor, self._before, self._after = editor, before, after
        self._active_before = self._active_after = active

    def undo(self):
        self._active_after = self._editor.get_active_segment_id()
        self._restore(self._before, self._active_before)

    def redo(self):
        self._restore(self._after, self._active_after)

    def _restore(self, segmentation, active):
        target = self._editor.active_segmentation
        target.segmentation.DeepCopy(segmentation)
        target.trigger_modified()
        if active in target.get_segment_ids() or not target.get_segment_ids():
            self._editor.set_active_segment_id(active)


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
        if self._copied is not segmentation or self._time != time_of(segmentation):
            self._copy, self._copied, self._time = copy_of(segmentation), segmentation, time_of(segmentation)
        before, active = self._copy, self._editor.get_active_segment_id()
        yield
        if time_of(segmentation) != self._time and self._editor.active_segmentation is target:
            self._editor.undo_stack.push(ResultCommand(self._editor, before, active, copy_of(segmentation)))
