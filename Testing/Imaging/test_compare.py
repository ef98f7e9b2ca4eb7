"""Dice and surface distance against scipy's distance transform."""
import imaging_library as lib
import numpy as np
import pytest
from scipy import ndimage


def surface(mask):
    """Voxels of the mask with one of six neighbours outside (beyond the image is outside)."""
    padded = np.pad(mask, 1)
    inner = ndimage.binary_erosion(padded, ndimage.generate_binary_structure(3, 1))
    return (padded & ~inner)[1:-1, 1:-1, 1:-1]


def reference(a, b, spacing):
    distances = []
    for one, other in ((surface(a), surface(b)), (surface(b), surface(a))):
        distances.append(ndimage.distance_transform_edt(~other, sampling=spacing[::-1])[one])
    return 2 * (a & b).sum() / (a.sum() + b.sum()), np.percentile(np.concatenate(distances), 95)


def blob(rng, shape):
    field = ndimage.gaussian_filter(rng.normal(size=shape), (1.5, 3, 3))
    return field > np.percentile(field, rng.uniform(60, 95))


@pytest.mark.parametrize("seed", range(12))
def test_random_shapes(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(5, 30, 3))
    spacing = rng.uniform(0.5, 6, 3)
    a, b = blob(rng, shape), blob(rng, shape)
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    matrix = np.eye(4)
    matrix[:3, :3] = axes * spacing
    agreement = lib.compare(a, b, matrix)
    dice, hd95 = reference(a, b, spacing)
    assert agreement.dice == pytest.approx(dice, abs=1e-12)
    assert agreement.hd95_mm == pytest.approx(hd95, abs=1e-3)
    assert agreement.volume_ml == pytest.approx(a.sum() * spacing.prod() / 1000)
    assert agreement.truth_ml == pytest.approx(b.sum() * spacing.prod() / 1000)


def test_a_liver_and_its_shifted_copy(shared):
    import nibabel
    image = nibabel.load(shared / "chaos-t2spir-nc/chaos_01_label.nii.gz")
    truth = np.asarray(image.dataobj).transpose(2, 1, 0) == 1
    mask = np.roll(truth, (0, 3, -2), (0, 1, 2))
    spacing = np.array(image.header.get_zooms()[:3], dtype=float)
    agreement = lib.compare(mask, truth, np.diag([*spacing, 1]))
    dice, hd95 = reference(mask, truth, spacing)
    assert agreement.dice == pytest.approx(dice, abs=1e-12)
    assert agreement.hd95_mm == pytest.approx(hd95, abs=1e-3)
