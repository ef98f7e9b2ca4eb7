"""A user's steps in viewer or Slicer, for F17: load, segment, save a label, learn, export, save the scene.

usage: scene_steps.py SERIES-FOLDER OUT-FOLDER (PYTHONPATH holds the Python package of the build)
"""

import pathlib
import sys
import time

import slicer_core
from frugalseg import vtkSlicerFrugalSegLearningLogic, vtkSlicerFrugalSegLogic


def main(series, out):
    out = pathlib.Path(out)
    out.mkdir(parents=True)
    scene = slicer_core.vtkMRMLScene()
    messages = slicer_core.vtkMRMLMessageCollection()
    logic = vtkSlicerFrugalSegLogic()
    logic.SetMRMLScene(scene)
    learning = vtkSlicerFrugalSegLearningLogic()
    learning.SetMRMLScene(scene)
    learning.SetSegmentLogic(logic)
    learning.SetModelFolder(str(out / "models"))
    assert learning.SetDatasetFolder(str(out / "labels"), messages)
    volume = logic.LoadSeries(series, "", messages)
    segmentation = logic.Segment(volume, "liver-t2", None, messages)
    segment = logic.GetLastSegmentID()
    for name in ("segment.dcm", "mask.nii.gz", "mask.nrrd", "surface.stl"):
        assert logic.ExportSegment(segmentation, segment, volume, str(out / name), messages), name
    assert learning.SaveLabel(volume, segmentation, segment, "liver", messages)
    learning.SetCurrentModel("liver-t2", messages)
    learning.SetLearningSteps(2)
    learning.SetPatchSize(32)
    learning.SetNumberOfPhantoms(0)
    if learning.StartLearning(messages):
        end = time.monotonic() + 120
        while learning.IsRunning() and time.monotonic() < end:
            learning.ProcessPendingResults(messages)
            time.sleep(0.01)
        learning.ProcessPendingResults(messages)
    for i in range(messages.GetNumberOfMessages()):
        print(messages.GetNthMessageText(i))


if __name__ == "__main__":
    main(*sys.argv[1:])
