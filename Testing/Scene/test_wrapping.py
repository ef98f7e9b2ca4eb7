"""The Python package of the build: a whole run, called as a Slicer script would call it.

Environment: FRUGALSEG_PROGRAM (makes the phantom), FRUGALSEG_PACKAGE (folder of the package).
"""

import os
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.environ["FRUGALSEG_PACKAGE"])


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    program = os.environ["FRUGALSEG_PROGRAM"]
    subprocess.run([program, "synth", "--out", str(folder), "--seed", "3"], check=True)
    return folder / "dicom"


@pytest.fixture
def logic():
    import slicer_core
    from frugalseg import vtkSlicerFrugalSegLogic

    scene = slicer_core.vtkMRMLScene()
    logic = vtkSlicerFrugalSegLogic()
    logic.SetMRMLScene(scene)
    logic.keep = scene
    yield logic
    logic.SetMRMLScene(None)


def test_classes_have_their_bases():
    import slicer_core
    from frugalseg import vtkMRMLFrugalSegNode, vtkSlicerFrugalSegLogic

    assert issubclass(vtkSlicerFrugalSegLogic, slicer_core.vtkSlicerModuleLogic)
    assert issubclass(vtkMRMLFrugalSegNode, slicer_core.vtkMRMLNode)


def test_series_is_listed_and_loaded(logic, phantom):
    from vtkmodules.vtkCommonDataModel import vtkTable

    table = vtkTable()
    assert logic.ListSeries(str(phantom), table)
    assert table.GetNumberOfRows() == 1
    assert table.GetValueByName(0, "verdict").ToString() == "ok"
    volume = logic.LoadSeries(str(phantom))
    assert volume.GetImageData().GetDimensions() == (256, 256, 30)
    assert volume.GetScene() is logic.GetMRMLScene()


def test_failure_is_a_message(logic, phantom):
    import slicer_core

    messages = slicer_core.vtkMRMLMessageCollection()
    volume = logic.LoadSeries(str(phantom))
    assert logic.Segment(volume, "no-such-model", None, messages) is None
    assert messages.GetNumberOfMessages() == 1
    assert "no-such-model" in messages.GetNthMessageText(0)


def test_worker_is_polled_with_progress_and_cancelled(logic, phantom):
    from frugalseg import vtkMRMLFrugalSegNode

    parameters = vtkMRMLFrugalSegNode()
    logic.GetMRMLScene().AddNode(parameters)
    parameters.SetInputVolumeNode(logic.LoadSeries(str(phantom)))
    parameters.SetModelName(os.environ["FRUGALSEG_TEST_MODEL"])
    assert logic.StartSegment(parameters)
    assert logic.IsSegmenting()
    logic.CancelSegment()
    end = time.monotonic() + 10
    while not logic.ProcessPendingResults():
        assert time.monotonic() < end
        time.sleep(0.002)
    assert not logic.IsSegmenting()
    assert logic.GetLastSegmentation() is None
