"""The series of the folder: listed with a verdict, opened as the volume of the scene."""

import asyncio
import pathlib

from slicer import vtkMRMLMessageCollection

from .tables import ask, texts_of

COLUMNS = ("uid", "description", "modality", "matrix", "spacing_mm", "slices", "verdict", "reason")


def numbered(rows):
    """Series of the same description told apart by a number."""
    for row in rows:
        alike = [r["uid"] for r in rows if r["description"] == row["description"]]
        row["number"] = f"{alike.index(row['uid']) + 1} of {len(alike)}" if len(alike) > 1 else ""
    return rows


def name_of(row):
    return " ".join(part for part in (row["description"], f"({row['number']})" if row["number"] else "") if part)


class Series:
    def __init__(self, viewer, source):
        self._viewer = viewer
        self.source = str(source or "")
        viewer.state.update({"fs_folder": self.source, "fs_series": [], "fs_uid": "", "fs_question": ""})

    def name(self, uid):
        """What the list calls the series; "" when it is not there."""
        return next((name_of(row) for row in self._viewer.state.fs_series if row["uid"] == uid), "")

    @property
    def is_file(self):
        """Whether the source is one image, not DICOM (a folder, a file, a DICOMDIR, a ZIP archive)."""
        path = pathlib.Path(self.source)
        return path.is_file() and path.name.lower().endswith((".nii", ".nii.gz", ".nrrd"))

    def list(self):
        state, say = self._viewer.state, self._viewer.messages.say
        if not self.source:
            say("No folder was given. Start the viewer with one: frugalseg-viewer FOLDER", "warning", "series")
            return
        if self.is_file:
            row = dict.fromkeys(COLUMNS, "")
            row.update(uid=self.source, description=pathlib.Path(self.source).name, verdict="ok", number="")
            state.fs_series = [row]
        else:
            found, rows, texts = ask(self._viewer.logic.ListSeries, self.source)
            if not found:
                say(texts or "The folder holds no DICOM image.", "error", "series")
                return
            state.fs_series = numbered([{name: str(row[name]) for name in COLUMNS} for row in rows])
        if any(row["verdict"] != "refused" for row in state.fs_series):
            say("Choose a series.", "info", "series")
        else:
            say("None of the series can be used; the reasons are in the list.", "error", "series")

    async def open(self, uid, sure=False):
        """Load a series as the volume of the scene; asks first when corrections would be lost."""
        state, say = self._viewer.state, self._viewer.messages.say
        if state.fs_busy:
            return
        row = next((r for r in state.fs_series if r["uid"] == uid), None)
        if row is None or row["verdict"] == "refused":
            reason = row["reason"] if row else "it is not in the list"
            say(f"This series cannot be opened: {reason}.", "error", "series")
            return
        if uid == state.fs_uid:
            return  # it is open; nothing of it is thrown away by a second click
        if not self.may_leave(uid, sure):
            return
        say("Opening the series ...", "info", "series")
        state.flush()
        await asyncio.sleep(0.05)  # let the page show it

        messages = vtkMRMLMessageCollection()
        if self.is_file:
            volume = self._viewer.logic.LoadVolumeFile(self.source, messages)
        else:
            volume = self._viewer.logic.LoadSeries(self.source, uid, messages)
        if volume is None:
            say(texts_of(messages), "error", "series")
            return
        self._viewer.show_volume(volume, uid)
        say(texts_of(messages) or "Open. Next: Segment.", "warning" if texts_of(messages) else "info", "series")

    def may_leave(self, target, sure=False):
        """Whether the present case may be closed; otherwise the page asks, and `target` is remembered."""
        state = self._viewer.state
        if self._viewer.unsaved and not sure:
            state.fs_question = target
            return False
        state.fs_question = ""
        return True

    def keep(self):
        """The answer "keep working" to the question."""
        self._viewer.state.fs_question = ""
