"""DICOM segmentations by the program: export --seg, export --nifti, and what segment says about its source."""
import json

import nibabel
import numpy as np
import pydicom
import pytest
from conftest import NOBODY, entries, run  # noqa: F401

ZONES = "1=prostate-transition-zone,2=prostate-peripheral-zone"


@pytest.fixture(scope="module")
def scan(phantom):
    return phantom / "dicom"


@pytest.fixture(scope="module")
def result(model, scan, tmp_path_factory):
    """A mask of the scan, two labels on its grid, and the segmentation that the program wrote."""
    folder = tmp_path_factory.mktemp("result")
    done = run("segment", "--model", model, "--in", scan, "--out", folder / "first", "--json")
    assert done.code == 0, done.err
    image = nibabel.load(folder / "first" / "mask.nii.gz")
    labels = np.zeros(image.shape, np.uint8)
    labels[20:40, 20:40, 3:7] = 1
    labels[40:50, 20:40, 3:7] = 2
    nibabel.save(nibabel.Nifti1Image(labels, image.affine), folder / "labels.nii.gz")
    return folder


def write(scan, model, result, out, *more):
    return run("export", "--seg", "--in", scan, "--mask", result / "labels.nii.gz", "--model", model, "--structures",
               ZONES, "--out", out, *more)


def test_a_mask_becomes_a_segmentation_and_comes_back(scan, model, result, tmp_path):
    seg, back = tmp_path / "seg.dcm", tmp_path / "back.nii.gz"
    assert write(scan, model, result, seg).code == 0
    done = run("export", "--nifti", "--in", scan, "--segmentation", seg, "--out", back, "--json")
    assert done.code == 0, done.err
    assert [(s["value"], s["structure"]) for s in done.json["segments"]] == [
        (1, "prostate-transition-zone"), (2, "prostate-peripheral-zone")]
    ours, theirs = nibabel.load(result / "labels.nii.gz"), nibabel.load(back)
    assert np.array_equal(ours.get_fdata(), theirs.get_fdata())
    assert np.allclose(ours.affine, theirs.affine, atol=1e-3)
    assert run("export", "--nifti", "--in", scan, "--segmentation", seg, "--segment", 2, "--out", back).code == 0
    assert np.array_equal(nibabel.load(back).get_fdata(), ours.get_fdata() == 2)
    assert run("export", "--nifti", "--in", scan, "--segmentation", seg, "--segment", 3, "--out", back).failed(2, "2")


def test_a_correction_names_its_predecessor_and_its_editor_and_replaces_nothing(scan, model, result, tmp_path):
    first, second = tmp_path / "first.dcm", tmp_path / "second.dcm"
    assert write(scan, model, result, first, "--uid-root", "1.2.826.0.1.3680043.10.99").code == 0
    before = first.read_bytes()
    correction = ("export", "--seg", "--in", scan, "--mask", result / "labels.nii.gz", "--structures", ZONES,
                  "--predecessor", first, "--editor", "Reader7")
    assert run(*correction, "--out", first).failed(3, "earlier segmentation")
    assert first.read_bytes() == before
    assert run(*correction, "--out", second).code == 0
    old, new = pydicom.dcmread(first), pydicom.dcmread(second)
    assert old.SOPInstanceUID.startswith("1.2.826.0.1.3680043.10.99.") and new.SOPInstanceUID.startswith("2.25.")
    assert new.SourceImageSequence[0].ReferencedSOPInstanceUID == old.SOPInstanceUID
    assert (old.ContentCreatorName, new.ContentCreatorName) == ("FrugalSeg^Software", "Reader7")
    assert {s.SegmentAlgorithmType for s in new.SegmentSequence} == {"SEMIAUTOMATIC"}
    # And nothing else writes over what a person corrected.
    assert write(scan, model, result, second).failed(3, "corrected")
    assert pydicom.dcmread(second).SOPInstanceUID == new.SOPInstanceUID


def test_segment_does_not_write_over_a_correction(scan, model, result, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    assert write(scan, model, result, out / "segmentation.dcm", "--edited").code == 0
    before = (out / "segmentation.dcm").read_bytes()
    assert run("segment", "--model", model, "--in", scan, "--out", out).failed(3, "corrected")
    assert entries(out) == ["segmentation.dcm"] and (out / "segmentation.dcm").read_bytes() == before


def test_label_maps_are_behind_a_switch(scan, model, result, tmp_path):
    assert write(scan, model, result, tmp_path / "a.dcm", "--seg-type", "labelmap").code == 0
    assert pydicom.dcmread(tmp_path / "a.dcm").SegmentationType == "LABELMAP"
    assert write(scan, model, result, tmp_path / "b.dcm", "--seg-type", "fractional").failed(2, "binary or labelmap")
    assert entries(tmp_path) == ["a.dcm"]


def test_what_was_wrong_with_the_source_is_told(scan, model, result, tmp_path):
    """As warning, in the report and with --json; never the value."""
    dirty = tmp_path / "dirty"
    dirty.mkdir()
    for path in scan.iterdir():
        data = pydicom.dcmread(path)
        with pytest.warns(UserWarning):
            data.PatientBirthDate = "1960.04.01x"
        data.save_as(dirty / path.name)
    done = run("segment", "--model", model, "--in", dirty, "--out", tmp_path / "out", "--json")
    assert done.code == 0, done.err
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    if "segmentation.dcm" in report["outputs"]:
        note, = report["source_notes"]
        assert (note["attribute"], note["what"]) == ("PatientBirthDate", "dropped") and "1960" not in done.err + done.out
        assert "PatientBirthDate" in done.err
    done = write(dirty, model, result, tmp_path / "seg.dcm", "--json")
    assert done.json["notes"][0]["attribute"] == "PatientBirthDate" and "PatientBirthDate" in done.err
    assert "1960" not in done.err + done.out


@pytest.mark.parametrize("structures, code, word", [
    ("1=tumour", 1, "no DICOM code"), ("1=liver", 3, "value 2"), ("liver=1", 2, "VALUE=NAME"), ("0=liver", 2, "1 to 255")])
def test_structures_are_named_or_refused(scan, model, result, tmp_path, structures, code, word):
    done = run("export", "--seg", "--in", scan, "--mask", result / "labels.nii.gz", "--model", model, "--structures",
               structures, "--out", tmp_path / "s.dcm")
    assert done.code != 0 and word.lower() in done.err.lower(), done.err
    assert entries(tmp_path) == []


def test_options_are_checked_first(scan, model, result, tmp_path):
    assert run("export", "--out", tmp_path / "x").failed(2, "one of --onnx, --seg and --nifti")
    assert run("export", "--seg", "--in", scan, "--out", tmp_path / "x").failed(2, "--mask")
    assert run("export", "--seg", "--in", scan, "--mask", result / "labels.nii.gz", "--structures", "liver", "--out",
               tmp_path / "x").failed(2, "--predecessor")
    assert write(scan, model, result, tmp_path / "x", "--uid-root", "1.02").failed(2, "root")
    assert run("export", "--nifti", "--in", scan, "--segmentation", result / "labels.nii.gz", "--out",
               tmp_path / "x").failed(3, "DICOM")
    assert entries(tmp_path) == []
