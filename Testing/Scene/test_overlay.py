"""frugalseg-overlay: what the picture shows, judged from its pixels, and its exit codes.

Environment: FRUGALSEG_PROGRAM, FRUGALSEG_OVERLAY (the two programs).
"""

import os
import subprocess

import nibabel
import numpy as np
import pytest
from PIL import Image

SIZE = 300


def overlay(*arguments):
    environment = {k: v for k, v in os.environ.items() if k != "DISPLAY"}
    command = [os.environ["FRUGALSEG_OVERLAY"], *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom") / "p"
    program = os.environ["FRUGALSEG_PROGRAM"]
    subprocess.run([program, "synth", "--out", str(folder), "--seed", "3"], check=True)
    truth = nibabel.load(folder / "truth.nii.gz")
    labels = np.asarray(truth.dataobj)
    for name, mask in (("liver", labels == 1), ("empty", labels < 0)):
        image = nibabel.Nifti1Image(mask.astype("u1"), truth.affine)
        nibabel.save(image, folder / f"{name}.nii.gz")
    return folder


def draw(folder, image, mask):
    out = folder / "overlay.png"
    out.unlink(missing_ok=True)
    arguments = ("--image", folder / image, "--mask", folder / mask, "--out", out)
    result = overlay(*arguments, "--size", SIZE, "--label", "Liver")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return np.asarray(Image.open(out).convert("RGB")).astype(int)


def panel(picture, column, row):
    return picture[row * SIZE : (row + 1) * SIZE, column * SIZE : (column + 1) * SIZE]


def orange(pixels):
    """Where the mask's colour is seen: red over green over blue, as only the overlay is."""
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    return (red > green + 15) & (green > blue + 15)


def test_every_panel_shows_the_mask(phantom):
    picture = draw(phantom, "dicom", "liver.nii.gz")
    assert picture.shape == (2 * SIZE + SIZE // 12, 2 * SIZE, 3)
    for column, row in ((0, 0), (1, 0), (0, 1), (1, 1)):
        share = orange(panel(picture, column, row)).mean()
        assert 0.03 < share < 0.7, (column, row, share)


def test_liver_lies_on_the_left_of_the_picture_and_the_image_shows_through(phantom):
    axial = panel(draw(phantom, "dicom", "liver.nii.gz"), 0, 0)
    columns = np.nonzero(orange(axial))[1]
    assert columns.mean() < SIZE / 2  # the patient's right
    inside = axial[orange(axial)].sum(axis=-1)
    assert np.unique(inside).size > 20  # translucent: vessels and noise are seen


def test_folder_and_file_give_the_same_picture(phantom):
    from_series = draw(phantom, "dicom", "liver.nii.gz")
    from_file = draw(phantom, "image.nii.gz", "liver.nii.gz")
    assert np.abs(from_series - from_file).mean() < 1.0


def test_empty_mask_shows_the_image_alone(phantom):
    picture = draw(phantom, "dicom", "empty.nii.gz")
    assert orange(panel(picture, 0, 0)).sum() == 0
    assert panel(picture, 0, 0).max() > 100


def test_bad_use_and_input_have_their_exit_codes(phantom, tmp_path):
    image, mask, out = phantom / "dicom", phantom / "liver.nii.gz", tmp_path / "o.png"
    assert overlay("--help").returncode == 0
    assert overlay("--image", image).returncode == 2
    assert overlay("--image", image, "--mask", mask, "--out", out, "--size", "1").returncode == 2
    assert overlay("--image", tmp_path / "no", "--mask", mask, "--out", out).returncode == 3
    assert overlay("--image", image, "--mask", image, "--out", out).returncode == 3
    missing = overlay("--image", image, "--mask", mask, "--out", tmp_path / "no" / "o.png", "--size", "200")
    assert missing.returncode == 3
    other = nibabel.Nifti1Image(np.ones((9, 9, 9), "u1"), np.eye(4))
    nibabel.save(other, tmp_path / "other.nii.gz")
    wrong = overlay("--image", image, "--mask", tmp_path / "other.nii.gz", "--out", out)
    assert wrong.returncode == 3
    assert "grid" in wrong.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "other.nii.gz"]
