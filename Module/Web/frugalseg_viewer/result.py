"""The segment that is worked on: measured, shown, laid over with the uncertainty of the network."""

import asyncio

from trame_server.utils.asynchronous import create_task
from trame_slicer.segmentation import SegmentationOpacityEnum

from .tables import ask

REST_SECONDS = 0.3  # a stroke of the brush is many changes: measured once it rests
MAP_OPACITY = 0.6
EXTENTS = (("extent_r_mm", "right to left"), ("extent_a_mm", "front to back"), ("extent_s_mm", "head to foot"))


class Result:
    def __init__(self, viewer):
        self._viewer = viewer
        self._waiting = None
        viewer.state.update(
            {
                "fs_has_segment": False,
                "fs_structure": "",
                "fs_ml": "",
                "fs_measures": [],
                "fs_outline_only": False,
                "fs_has_uncertainty": False,
                "fs_uncertainty": False,
                "fs_mean_entropy": "",
            }
        )
        viewer.state.change("fs_outline_only")(self._on_outline_only)
        viewer.state.change("fs_uncertainty")(self._on_uncertainty)

    # ---- measuring -------------------------------------------------------------------------------

    def measure(self):
        viewer, state = self._viewer, self._viewer.state
        segment_id, segment = viewer.active_segment()
        state.fs_has_segment = segment is not None
        if segment is None:
            state.update({"fs_ml": "", "fs_structure": "", "fs_measures": []})
            return
        state.fs_structure = segment.GetName()
        with viewer.applying():  # reading a surface makes one, which is no correction
            done, rows, texts = ask(
                viewer.logic.Measure, viewer.editor.active_segmentation_node, segment_id, viewer.volume
            )
        if not done or not rows:
            state.update({"fs_ml": "", "fs_measures": []})
            viewer.messages.say(texts or "The segment cannot be measured.", "warning", "result")
            return
        row, text = rows[0], viewer.logic.FormatNumber
        state.fs_ml = f"{row['volume_ml']:.1f}"
        state.fs_measures = [
            *({"name": name, "value": f"{text(row[column])} mm"} for column, name in EXTENTS),
            {"name": "longest diameter", "value": f"{text(row['longest_mm'])} mm"},
            {"name": "surface", "value": f"{text(row['surface_cm2'])} cm²"},
        ]

    def measure_soon(self):
        if self._waiting is None or self._waiting.done():
            self._waiting = create_task(self._measure_later())

    async def _measure_later(self):
        await asyncio.sleep(REST_SECONDS)
        with self._viewer.state:
            self.measure()

    # ---- display ---------------------------------------------------------------------------------

    def toggle_outline(self):
        self._viewer.state.fs_outline_only = not self._viewer.state.fs_outline_only

    def change_opacity(self, step):
        opacity = self._viewer.segment_display.opacity_2d
        opacity.value = min(max(round(opacity.value + step, 2), 0), 1)

    def _on_outline_only(self, fs_outline_only, **_):
        mode = SegmentationOpacityEnum.OUTLINE if fs_outline_only else SegmentationOpacityEnum.BOTH
        self._viewer.segment_display.opacity_mode = mode

    # ---- uncertainty -----------------------------------------------------------------------------

    def map_changed(self):
        """A run has ended or the volume is another one: offer its map, or none."""
        viewer, state = self._viewer, self._viewer.state
        state.fs_has_uncertainty = viewer.logic.GetLastUncertaintyVolume() is not None
        state.fs_mean_entropy = viewer.logic.FormatNumber(viewer.logic.GetLastMeanEntropy())
        self._show_map(state.fs_uncertainty)

    def toggle_uncertainty(self):
        if self._viewer.state.fs_has_uncertainty:
            self._viewer.state.fs_uncertainty = not self._viewer.state.fs_uncertainty

    def _on_uncertainty(self, fs_uncertainty, **_):
        self._show_map(fs_uncertainty)

    def _show_map(self, visible):
        viewer = self._viewer
        the_map = viewer.logic.GetLastUncertaintyVolume() if visible else None
        viewer.logic.ShowUncertaintyOverlay(the_map, MAP_OPACITY)
        viewer.views.render()
