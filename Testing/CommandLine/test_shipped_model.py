"""The shipped liver model on real images: DICOM and NIfTI agree, the SEG says the same, bfloat16 too.

Accuracy is not measured here: the model has seen these cases. docs/models/liver-t2.md has the
cross-validation.
"""
import os
import pathlib
import sys

import highdicom
import nibabel
import numpy as np
import pytest

from conftest import SOURCE, run

sys.path.insert(0, str(SOURCE / "Testing" / "Imaging"))
import imaging_library as imaging  # noqa: E402

SHARED = pathlib.Path(os.environ.get("FRUGALSEG_SHARED", SOURCE.parent / "shared"))
CASE = SHARED / "data" / "chaos-t2spir-nc" / "chaos_20_image.nii.gz"

pytestmark = [
    pytest.mark.skipif(not (SOURCE / "Resources/Models/liver-t2.fseg").is_file(),
                       reason="the model liver-t2 is not in Resources/Models"),
    pytest.mark.skipif(not CASE.is_file(), reason="needs shared data (FRUGALSEG_SHARED): CHAOS"),
]


def mask_of(folder):
    image = nibabel.load(folder / "mask.nii.gz")
    return np.asarray(image.dataobj) > 0, image.affine


def segment(image, out, **options):
    result = run("segment", "--model", "liver-t2", "--in", image, "--out", out, "--json", **options)
    assert result.code == 0, result.err
    return result.json


@pytest.fixture(scope="module")
def from_nifti(tmp_path_factory):
    out = tmp_path_factory.mktemp("nifti")
    return out, segment(CASE, out)


def test_a_chaos_case_written_as_dicom_gives_the_identical_mask(from_nifti, tmp_path):
    image = nibabel.load(CASE)
    voxels = np.ascontiguousarray(image.get_fdata().transpose(2, 1, 0))
    matrix = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine  # RAS to LPS
    imaging.write_series(voxels, matrix, tmp_path / "series")
    segment(tmp_path / "series", tmp_path / "out")
    ours, affine = mask_of(tmp_path / "out")
    expected, expected_affine = mask_of(from_nifti[0])
    # The reader stacks slices along the normal; the NIfTI may run the other way.
    if np.linalg.det(affine) * np.linalg.det(expected_affine) < 0:
        expected = expected[:, :, ::-1]
    assert ours.sum() > 0 and np.array_equal(ours, expected)

    seg = highdicom.seg.segread(str(tmp_path / "out" / "segmentation.dcm"))
    assert int((seg.pixel_array > 0).sum()) == int(ours.sum())


def test_the_mask_is_a_plausible_liver(from_nifti):
    report = from_nifti[1]
    assert 800 < report["result"]["volume_ml"] < 2500
    assert report["warnings"] == []
    assert report["model"]["name"] == "liver-t2"


def test_bfloat16_gives_nearly_the_same_mask(from_nifti, tmp_path):
    info = pathlib.Path("/proc/cpuinfo")
    if not info.is_file() or "avx512_bf16" not in info.read_text():
        pytest.skip("this processor has no AVX-512 BF16")
    segment(CASE, tmp_path, env={**os.environ, "FSEG_ISA": "avx512bf16"})
    a, b = mask_of(from_nifti[0])[0], mask_of(tmp_path)[0]
    assert 2 * (a & b).sum() / (a.sum() + b.sum()) >= 0.998


def test_onnx_runtime_gives_the_logits_of_the_shipped_model(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    import frugalseg_library as fs
    path = tmp_path / "liver-t2.onnx"
    assert run("export", "--onnx", "--model", "liver-t2", "--out", path).code == 0
    model = fs.load(SOURCE / "Resources/Models/liver-t2.fseg")
    images = np.random.default_rng(1).random((2, 3, 64, 96), np.float32)
    ours = model.logits(fs.Context("portable"), images)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    theirs, = session.run(None, {session.get_inputs()[0].name: images})
    assert np.abs(ours - theirs).max() <= 1e-4 * max(1, np.abs(theirs).max())
