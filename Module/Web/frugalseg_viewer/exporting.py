"""Writing the segment into the folder of results, under a name that is not taken; opening what was written."""

import pathlib
import re

from slicer import vtkMRMLMessageCollection

from .tables import texts_of

FORMATS = {"dicom": ".dcm", "nifti": ".nii.gz", "nrrd": ".nrrd", "stl": ".stl"}


class Exporting:
    def __init__(self, viewer, folder):
        self._viewer = viewer
        self._folder = folder
        viewer.state.update({"fs_saved": [], "fs_saved_file": ""})

    def list_saved(self):
        """The DICOM segmentations in the folder of results, the latest first."""
        files = sorted(self._folder.glob("*.dcm"), key=lambda path: path.stat().st_mtime, reverse=True)
        names = [path.name for path in files]
        self._viewer.state.update({"fs_saved": names, "fs_saved_file": names[0] if names else ""})

    def open_saved(self):
        """Open the chosen segmentation over the open series, to correct it."""
        viewer, say = self._viewer, self._viewer.messages.say
        name = pathlib.Path(viewer.state.fs_saved_file or "").name  # never outside the folder of results
        if viewer.volume is None or not name:
            say("Open the series first, then a segmentation of it that was exported before.", "warning", "segment")
            return
        if viewer.unsaved:
            say("Your corrections are neither saved as a label nor exported; do that first.", "warning", "segment")
            return
        messages = vtkMRMLMessageCollection()
        with viewer.applying():
            segmentation = viewer.logic.LoadSegmentation(str(self._folder / name), viewer.volume, messages)
        if segmentation is None:
            say(texts_of(messages) or f"{name} could not be opened.", "error", "segment")
            return
        viewer.show_segment(segmentation, segmentation.GetSegmentation().GetNthSegmentID(0))
        say([f"Opened {name}.", *texts_of(messages)], "warning" if texts_of(messages) else "success", "segment")

    def _new_path(self, suffix):
        """A file name after the structure: never a patient's name."""
        structure = self._viewer.state.fs_structure
        stem = re.sub(r"[^A-Za-z0-9]+", "-", structure).strip("-").lower() or "segment"
        path, number = self._folder / f"{stem}{suffix}", 1
        while path.exists():
            number += 1
            path = self._folder / f"{stem}-{number}{suffix}"
        return path

    def write(self, name):
        """Export the active segment in one of FORMATS and say where it went."""
        viewer, say = self._viewer, self._viewer.messages.say
        segment_id, segment = viewer.active_segment()
        if segment is None:
            say("There is no segment to export; press Segment first.", "warning", "segment")
            return
        messages = vtkMRMLMessageCollection()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            say(f"The folder {self._folder} cannot be made: {error.strerror}.", "error", "export")
            return
        path = self._new_path(FORMATS[name])
        with viewer.applying():  # writing touches the node, but it is no correction
            written = viewer.logic.ExportSegment(
                viewer.editor.active_segmentation_node, segment_id, viewer.volume, str(path), messages
            )
        if not written:
            say(texts_of(messages) or f"{path} could not be written.", "error", "export")
            return
        viewer.unsaved.discard(segment_id)
        self.list_saved()
        say([f"Saved {path.resolve()}.", *texts_of(messages)], "success", "export")
