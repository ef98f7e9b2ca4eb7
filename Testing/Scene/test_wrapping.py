"""The Python package of the build: a whole run, called as a Slicer script would call it.

Environment: FRUGALSEG_PACKAGE (folder that holds the package), FRUGALSEG_PROGRAM (makes the phantom),
FRUGALSEG_MAKE_MODEL (saves a model with fresh weights).
"""

import os
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.environ["FRUGALSEG_PACKAGE"])

import slicer_core  # noqa: E402
from frugalseg import (  # noqa: E402
    vtkMRMLFrugalSegNode,
    vtkSlicerFrugalSegLearningLogic,
    vtkSlicerFrugalSegLogic,
)
from vtkmodules.vtkCommonDataModel import vtkTable  # noqa: E402


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    program = os.environ["FRUGALSEG_PROGRAM"]
    subprocess.run([program, "synth", "--out", str(folder / "p"), "--seed", "3"], check=True)
    return str(folder / "p" / "dicom")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "fresh.fseg"
    subprocess.run([os.environ["FRUGALSEG_MAKE_MODEL"], str(path)], check=True)
    return str(path)


@pytest.fixture
def scene():
    return slicer_core.vtkMRMLScene()


@pytest.fixture
def logic(scene):
    logic = vtkSlicerFrugalSegLogic()
    logic.SetMRMLScene(scene)
    yield logic
    logic.SetMRMLScene(None)


def wait_for_end(logic):
    end = time.monotonic() + 60
    while not logic.ProcessPendingResults():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_classes_have_their_bases():
    assert issubclass(vtkSlicerFrugalSegLogic, slicer_core.vtkSlicerModuleLogic)
    assert issubclass(vtkMRMLFrugalSegNode, slicer_core.vtkMRMLNode)


def test_settings_of_learning_are_kept_within_their_limits(tmp_path):
    learning = vtkSlicerFrugalSegLearningLogic()
    learning.SetModelFolder(str(tmp_path))
    assert learning.GetModelFolder() == str(tmp_path)
    learning.SetLearningRate(2e-4)
    assert learning.GetLearningRate() == 2e-4
    learning.SetEncoderRate(7.0)
    assert learning.GetEncoderRate() == 1.0
    learning.SetAugmentation(False)
    assert not learning.GetAugmentation()
    learning.SetNumberOfPhantoms(-3)
    assert learning.GetNumberOfPhantoms() == 0
    learning.SetSeed(11)
    assert learning.GetSeed() == 11
    learning.SetPropagationSteps(0)
    assert learning.GetPropagationSteps() == 1


def test_series_is_listed_and_loaded(logic, scene, phantom):
    table = vtkTable()
    assert logic.ListSeries(phantom, table)
    assert table.GetNumberOfRows() == 1
    assert table.GetValueByName(0, "verdict").ToString() == "ok"
    volume = logic.LoadSeries(phantom)
    assert volume.GetImageData().GetDimensions() == (256, 256, 30)
    assert volume.GetScene() is scene


def test_failure_is_a_message(logic, phantom):
    messages = slicer_core.vtkMRMLMessageCollection()
    volume = logic.LoadSeries(phantom)
    assert logic.Segment(volume, "no-such-model", None, messages) is None
    assert messages.GetNumberOfMessages() == 1
    assert "no-such-model" in messages.GetNthMessageText(0)


def test_worker_is_polled_and_its_result_exported(logic, scene, phantom, model, tmp_path):
    pydicom = pytest.importorskip("pydicom")
    parameters = scene.AddNewNodeByClass("vtkMRMLFrugalSegNode")
    volume = logic.LoadSeries(phantom)
    parameters.SetInputVolumeNode(volume)
    parameters.SetModelName(model)
    assert logic.StartSegment(parameters)
    assert logic.IsSegmenting()
    wait_for_end(logic)
    assert not logic.IsSegmenting()
    segmentation = parameters.GetSegmentationNode()
    segment_id = parameters.GetSegmentID()
    segment = segmentation.GetSegmentation().GetSegment(segment_id)
    assert segment.GetName() == "Liver"
    assert "10200004" in segment.GetTerminology()
    path = str(tmp_path / "seg.dcm")
    assert logic.ExportSegmentation(segmentation, segment_id, volume, path)
    assert pydicom.dcmread(path).SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeValue == "10200004"


def test_cancelled_run_leaves_no_segmentation(logic, scene, phantom, model):
    volume = logic.LoadSeries(phantom)
    assert logic.StartSegment(volume, model)
    logic.CancelSegment()
    wait_for_end(logic)
    assert logic.GetLastSegmentation() is None
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
