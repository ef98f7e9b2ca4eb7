"""frugalseg info: models, DICOM folders, images."""
import hashlib
import os
import pathlib
import shutil

import numpy as np
import pytest
from conftest import CARD, SOURCE, make_model, run, write_image


def test_a_model_is_described(model):
    result = run("info", model, "--json")
    assert result.code == 0, result.err
    info = result.json
    assert info["kind"] == "model"
    assert info["name"] == "test-liver" and info["structure"] == "liver"
    assert info["architecture"]["widths"] == [4, 8, 8]
    assert info["architecture"]["in_channels"] == 1
    assert info["input"]["spacing_mm"] == 3
    assert info["card"] == CARD
    assert info["sha256"] == hashlib.sha256(model.read_bytes()).hexdigest()
    assert "test-liver" in run("info", model).out


def test_a_model_is_found_by_its_name(tmp_path):
    make_model(tmp_path / "mine.fseg", CARD)
    environment = dict(os.environ, FRUGALSEG_MODEL_PATH=str(tmp_path))
    assert run("info", "mine", "--json", env=environment).json["name"] == "test-liver"
    assert run("info", "yours", env=environment).failed(3, "yours")


def test_an_image_is_described(image):
    info = run("info", image, "--json").json
    assert info["kind"] == "image"
    assert info["size"] == [60, 56, 10]
    assert np.allclose(info["spacing_mm"], [3, 3, 7])
    # nibabel's affine is RAS, ours LPS.
    assert np.allclose(np.array(info["ijk_to_lps"]),
                       [[3, 0, 0, -90], [0, 3, 0, -80], [0, 0, 7, -50], [0, 0, 0, 1]])
    assert info["range"][0] < 0 < 400 < info["range"][1]
    assert "60 x 56 x 10" in run("info", image).out


def test_a_folder_lists_its_series(phantom):
    series = run("info", phantom / "dicom", "--json").json["series"]
    assert len(series) == 1
    only = series[0]
    assert set(only) >= {"uid", "description", "modality", "matrix", "spacing_mm", "slices",
                         "verdict", "reason"}
    assert only["modality"] == "MR" and only["matrix"] == [96, 96] and only["slices"] == 12
    assert np.allclose(only["spacing_mm"], [3.6, 3.6, 7])
    assert only["verdict"] == "ok" and only["reason"] == ""
    assert only["uid"].startswith("2.25.")


def test_a_missing_slice_is_refused_with_a_reason(phantom, tmp_path):
    shutil.copytree(phantom / "dicom", tmp_path / "gap")
    import pydicom
    files = sorted((tmp_path / "gap").rglob("*"), key=lambda f: float(
        pydicom.dcmread(f).ImagePositionPatient[2]))
    files[5].unlink()
    only = run("info", tmp_path / "gap", "--json").json["series"][0]
    assert only["verdict"] == "refused" and "missing" in only["reason"]


def test_real_series_get_the_right_verdicts():
    shared = pathlib.Path(os.environ.get("FRUGALSEG_SHARED", SOURCE.parent / "shared"))
    folder = shared / "data" / "prostatex-dicom"
    if not folder.is_dir():
        pytest.skip(f"no real DICOM data in {folder}")
    series = run("info", folder, "--json").json["series"]
    verdicts = {s["description"]: s["verdict"] for s in series}
    assert len(series) == 7
    assert [d for d, v in verdicts.items() if v != "ok"] == [
        d for d in verdicts if "localizer" in d or "CALC_BV" in d]


def test_inputs_that_are_nothing_of_these(tmp_path):
    assert run("info", tmp_path / "absent").failed(3)
    (tmp_path / "empty").mkdir()
    assert run("info", tmp_path / "empty").failed(3)
    (tmp_path / "text.fseg").write_text("not a model, just a text")
    assert run("info", tmp_path / "text.fseg").failed(3, "not a FrugalSeg model")
    result = run("info", tmp_path / "text.fseg", "--json")
    assert result.code == 3 and result.json["error"]["status"] == "model-format"
    (tmp_path / "bad.nii.gz").write_bytes(b"\x1f\x8b\x08" + bytes(50))
    assert run("info", tmp_path / "bad.nii.gz").failed(3)
    nan = np.zeros((8, 8, 4), np.float32)
    nan[3, 3, 2] = np.nan
    write_image(tmp_path / "nan.nii.gz", nan)
    assert run("info", tmp_path / "nan.nii.gz").failed(3)
