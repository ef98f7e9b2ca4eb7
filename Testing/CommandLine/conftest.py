"""Runs `frugalseg` as a user would, on images and models made here.

FRUGALSEG_PROGRAM and FRUGALSEG_COMPUTE_LIBRARY name what the build made, FRUGALSEG_SOURCE_DIR the
source tree.
"""
import hashlib
import json
import os
import pathlib
import struct
import subprocess
import sys

import nibabel
import numpy as np
import pytest

SOURCE = pathlib.Path(os.environ["FRUGALSEG_SOURCE_DIR"])
sys.path.insert(0, str(SOURCE / "Testing" / "Compute" / "parity"))
import frugalseg_library  # noqa: E402

PROGRAM = os.environ["FRUGALSEG_PROGRAM"]
NOBODY = 65534


class Result:
    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    @property
    def json(self):
        return json.loads(self.out)

    def failed(self, code, *words):
        """Ended with `code` and one sentence on stderr that holds the words."""
        assert self.code == code, (self.code, self.out, self.err)
        lines = [l for l in self.err.splitlines() if l.startswith("frugalseg: ")
                 and not l.startswith("frugalseg: warning")]
        assert len(lines) >= 1, self.err
        for word in words:
            assert word.lower() in self.err.lower(), (word, self.err)
        return True


def run(*arguments, **options):
    options.setdefault("timeout", 120)
    return Result(subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True,
                                 **options))


def make_model(path, card, in_channels=1, levels=3, widths=(4, 8, 8), seed=3):
    """A small network with random weights, GroupNorm included."""
    config = frugalseg_library.library.fseg_unet_default_config(in_channels, 2)
    config.levels = levels
    for i, width in enumerate(widths):
        config.widths[i] = width
    model = frugalseg_library.Model(config, seed)
    random = np.random.default_rng(seed)
    for name, tensor in model.tensors.items():
        if ".norm" in name or "upnorm" in name:
            tensor[...] = random.uniform(0.5, 1.5, tensor.shape) if name.endswith("weight") \
                else random.normal(0, 0.3, tensor.shape)
    error = frugalseg_library.Error()
    frugalseg_library.check(frugalseg_library.library.fseg_model_set_card(
        model.handle, json.dumps(card).encode(), frugalseg_library.c.byref(error)), error)
    model.save(path)
    return model


CARD = {"name": "test-liver", "version": "0.0", "structure": "liver", "modality": "MR",
        "spacing_mm": 3}


def model_checksum(metadata, tensors):
    """The checksum of docs/file-format.md; `metadata` without its `sha256`."""
    sha = hashlib.sha256(struct.pack("<Q", len(metadata)))
    for key, value in sorted(metadata.items()):
        sha.update(key.encode() + b"\0" + value.encode() + b"\0")
    for name, values in sorted(tensors.items()):
        sha.update(name.encode() + b"\0" + struct.pack(f"<{1 + values.ndim}Q", values.ndim, *values.shape))
        sha.update(values.astype("<f4").tobytes())
    return sha.hexdigest()


def write_image(path, voxels, spacing=(3, 3, 7), modality=None):
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    affine[:3, 3] = [90, 80, -50]
    nibabel.save(nibabel.Nifti1Image(voxels, affine), path)


def ball(shape=(60, 56, 10), centre=(22, 28, 5), radius=(14, 16, 4)):
    grid = np.indices(shape)
    distance = sum(((g - c) / r) ** 2 for g, c, r in zip(grid, centre, radius))
    return (distance < 1).astype(np.uint8)


def bright_ball(seed=0, **where):
    """An image of a body with a brighter ball, and the ball."""
    label = ball(**where)
    body = ball(label.shape, (label.shape[0] / 2, label.shape[1] / 2, label.shape[2] / 2),
                (27, 25, 20))
    noise = np.random.default_rng(seed).normal(0, 8, label.shape)
    return (200.0 * body + 300.0 * label + noise).astype(np.float32), label


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.fseg"
    make_model(path, CARD)
    return path


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "ball_image.nii.gz"
    write_image(path, bright_ball()[0])
    return path


@pytest.fixture(scope="session")
def phantom(tmp_path_factory):
    """Folder with dicom/, image.nii.gz and truth.nii.gz of a small phantom."""
    path = tmp_path_factory.mktemp("phantom") / "out"
    result = run("synth", "--out", path, "--seed", 5, "--size", 96, "--spacing", 3.6, "--slices", 12)
    assert result.code == 0, result.err
    return path


@pytest.fixture
def nobody(tmp_path):
    """A folder that may not be written, and the user for whom that is so."""
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    if os.geteuid() == 0:
        for parent in [tmp_path, *tmp_path.parents]:
            if parent != parent.parent and str(parent).startswith("/tmp/") \
                    and not parent.stat().st_mode & 0o005:
                parent.chmod(parent.stat().st_mode | 0o055)
        options = {"user": NOBODY, "group": NOBODY}
    else:
        options = {}
    yield folder, options
    folder.chmod(0o755)


def entries(folder):
    return sorted(p.name for p in pathlib.Path(folder).iterdir())
