"""frugalseg synth --anatomy pelvis: the pelvic phantom, label maps placed into it, sets of cases."""
import nibabel
import numpy as np
import pydicom
import pytest
from conftest import entries, run
from prostate_planes import overlaps

PELVIS = ["synth", "--anatomy", "pelvis"]
SMALL = ["--size", 48, "--spacing", 2, "--slices", 10, "--slice-spacing", 6]


def write_map(path, change=lambda labels: labels, affine=None):
    """A gland of 52 x 36 x 44 mm: 1 behind, 2 in front."""
    spacing = (0.8, 0.8, 3.6)
    at = np.stack(np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * s
                                for n, s in zip((100, 100, 20), spacing)], indexing="ij"), -1)
    inside = ((at / (26, 18, 22)) ** 2).sum(-1) < 1
    labels = np.where(inside, np.where(at[..., 1] < -5, 1, 2), 0).astype(np.uint8)
    affine = np.diag((*spacing, 1)) if affine is None else affine
    nibabel.save(nibabel.Nifti1Image(change(labels), affine), path)
    return path


@pytest.mark.parametrize("plane, normal", [("axial", 2), ("coronal", 1), ("sagittal", 0)])
def test_a_scan_is_written_in_any_plane(tmp_path, plane, normal):
    out = tmp_path / "x"
    result = run(*PELVIS, "--out", out, "--plane", plane, "--json", *SMALL)
    assert result.code == 0
    assert entries(out) == ["dicom", "image.nii.gz", "truth.nii.gz"]
    assert 12 < result.json["gland_ml"] < 220
    truth = nibabel.load(out / "truth.nii.gz")
    labels = np.asarray(truth.dataobj)
    assert set(np.unique(labels)) == {0, 1, 2}
    assert (labels > 0).sum() * 2 * 2 * 6 / 1000 == pytest.approx(result.json["gland_ml"], rel=0.12)
    first = pydicom.dcmread(next((out / "dicom").rglob("*.dcm")))
    row, column = np.reshape(first.ImageOrientationPatient, (2, 3)).astype(float)
    assert np.abs(np.cross(row, column)).argmax() == normal
    assert first.BodyPartExamined == "PROSTATE"


def test_a_label_map_is_placed_with_its_volume(tmp_path):
    given = write_map(tmp_path / "map.nii.gz")
    result = run(*PELVIS, "--map", given, "--out", tmp_path / "x", "--json", *SMALL)
    millilitres = (np.asarray(nibabel.load(given).dataobj) > 0).sum() * 0.8 * 0.8 * 3.6 / 1000
    assert result.json["gland_ml"] == pytest.approx(millilitres, rel=0.04)


@pytest.mark.parametrize("change, affine, words", [
    (lambda a: a * 0, None, "empty"),
    (lambda a: a * 3, None, "another organ"),
    (lambda a: np.where(a, 3 - a, 0).astype(np.uint8), None, "labels are swapped"),
    (lambda a: a, np.diag((0.8, -0.8, 3.6, 1)), "orientation is wrong"),
    (lambda a: a, np.diag((0.8, 0.8, 8.0, 1)), "too far to join"),
    (lambda a: a, np.diag((0.8, 1.9, 3.6, 1)), "square pixels"),
    (lambda a: a, np.diag((0.2, 0.2, 1.0, 1)), "a prostate has"),
])
def test_a_bad_map_is_refused_in_one_sentence_and_nothing_is_written(tmp_path, change, affine, words):
    given = write_map(tmp_path / "map.nii.gz", change, affine)
    out = tmp_path / "x"
    assert run(*PELVIS, "--map", given, "--out", out, *SMALL).failed(3, words)
    assert not out.exists()


def test_a_set_of_cases_goes_on_where_it_was_stopped(tmp_path):
    maps = tmp_path / "maps"
    maps.mkdir()
    write_map(maps / "one_label.nii.gz")
    write_map(maps / "two_label.nii.gz", lambda a: a * 3)  # bad, and excluded
    out = tmp_path / "cases"
    arguments = [*PELVIS, "--out", out, "--maps", maps, "--exclude-maps", "two", "--whole-gland",
                 "--parametric-share", 0]
    assert run(*arguments, "--cases", 1).code == 0
    before = (out / "pelvis_0001_image.nii.gz").stat().st_mtime_ns
    assert run(*arguments, "--cases", 2).code == 0
    assert entries(out) == [f"pelvis_000{i}_{what}.nii.gz" for i in (1, 2)
                            for what in ("image", "label")]
    assert (out / "pelvis_0001_image.nii.gz").stat().st_mtime_ns == before
    for i in (1, 2):
        label = np.asarray(nibabel.load(out / f"pelvis_000{i}_label.nii.gz").dataobj)
        assert set(np.unique(label)) == {0, 1}


def test_options_that_contradict_each_other_are_refused(tmp_path):
    out = tmp_path / "x"
    assert run(*PELVIS, "--out", out, "--plane", "oblique").failed(2, "axial, coronal or sagittal")
    assert run(*PELVIS, "--out", out, "--maps", tmp_path).failed(2, "go with --cases")
    assert run(*PELVIS, "--out", out, "--map", "a", "--cases", 2).failed(2, "one scan")
    assert run(*PELVIS, "--out", out, "--maps", tmp_path, "--cases", 2).failed(3, "no label map")
    assert not out.exists()


def test_three_planes_of_one_patient_overlap_in_space(tmp_path):
    truths = []
    for plane in ("axial", "coronal", "sagittal"):
        assert run(*PELVIS, "--out", tmp_path / plane, "--plane", plane, "--whole-gland", "--seed", 4,
                   "--size", 80, "--spacing", 1.2, "--slices", 24, "--slice-spacing", 3.6).code == 0
        truths.append(nibabel.load(tmp_path / plane / "truth.nii.gz"))
    agreement = overlaps(truths)
    assert set(agreement) == {"0-1", "0-2", "1-2"}
    assert min(agreement.values()) > 0.93
    moved = nibabel.Nifti1Image(np.asarray(truths[1].dataobj), truths[1].affine.copy())
    moved.affine[2, 3] += 12  # the patient slid up
    assert overlaps([truths[0], moved])["0-1"] < 0.85
