"""frugalseg synth: the phantom as DICOM and NIfTI."""
import resource

import nibabel
import numpy as np
import pydicom
from conftest import entries, run

SMALL = ["--size", 64, "--spacing", 5, "--slices", 10]


def test_series_image_and_truth_agree(phantom):
    assert entries(phantom) == ["dicom", "image.nii.gz", "truth.nii.gz"]
    image = nibabel.load(phantom / "image.nii.gz")
    truth = nibabel.load(phantom / "truth.nii.gz")
    assert image.shape == truth.shape == (96, 96, 12)
    assert np.allclose(image.affine, truth.affine)
    labels = np.asarray(truth.dataobj)
    assert set(np.unique(labels)) == {0, 1, 2, 3, 4}
    assert 800 < (labels == 1).sum() * 3.6 * 3.6 * 7 / 1000 < 3000, "ml of liver"
    slices = sorted((pydicom.dcmread(f) for f in (phantom / "dicom").rglob("*")),
                    key=lambda d: d.ImagePositionPatient[2])
    assert len(slices) == 12
    for k in (0, 6, 11):
        values = slices[k].pixel_array * float(slices[k].get("RescaleSlope", 1)) \
            + float(slices[k].get("RescaleIntercept", 0))
        assert np.array_equal(values.T, np.asarray(image.dataobj)[:, :, k])
    assert "FrugalSeg" in slices[0].SeriesDescription


def test_a_seed_decides_everything(tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert run("synth", "--out", tmp_path / name, "--seed", seed, *SMALL).code == 0
    voxels = {n: np.asarray(nibabel.load(tmp_path / n / "image.nii.gz").dataobj) for n in "abc"}
    assert np.array_equal(voxels["a"], voxels["b"])
    assert not np.array_equal(voxels["a"], voxels["c"])


def test_json_keys(tmp_path):
    result = run("synth", "--out", tmp_path / "x", "--json", *SMALL)
    assert result.json["size"] == [64, 64, 10]
    assert result.json["spacing_mm"] == [5, 5, 7]
    assert result.json["outputs"] == ["dicom", "image.nii.gz", "truth.nii.gz"]
    assert result.json["liver_ml"] > 100


def test_an_existing_series_is_not_touched(tmp_path):
    (tmp_path / "x" / "dicom").mkdir(parents=True)
    (tmp_path / "x" / "dicom" / "mine.dcm").write_text("mine")
    assert run("synth", "--out", tmp_path / "x", *SMALL).failed(3, "in the way")
    assert entries(tmp_path / "x") == ["dicom"]
    assert entries(tmp_path / "x" / "dicom") == ["mine.dcm"]


def test_a_full_disk_leaves_nothing(tmp_path):
    def full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    assert run("synth", "--out", tmp_path / "x", *SMALL, preexec_fn=full).failed(3, "full")
    assert not (tmp_path / "x").exists()


def test_an_enhanced_file_holds_two_echoes_of_one_patient(tmp_path):
    arguments = ("synth", "--out", tmp_path / "p", "--seed", 5, "--size", 64, "--spacing", 5, "--slices", 6)
    assert run(*arguments, "--second-echo", 0.4).failed(2, "--enhanced")
    result = run(*arguments, "--enhanced", "--second-echo", 0.4)
    assert result.code == 0, result.err
    assert len(list((tmp_path / "p" / "dicom").iterdir())) == 1
    rows = run("info", tmp_path / "p" / "dicom", "--json").json["series"]
    assert [row["label"] for row in rows] == ["echo 1, TE 28 ms", "echo 2, TE 70 ms"]
    assert all(row["verdict"] == "ok" and row["slices"] == 6 for row in rows)
