"""Small data for the figures: phantoms as the program makes them, labelled cases, models."""

import json

import figure
import nibabel
import numpy as np

FAST = ["--batch", 2, "--size", 32, "--spacing", 6, "--threads", 1, "--quiet"]


def phantom(folder, seed=5, size=96, slices=12):
    """A phantom: folder with dicom/, image.nii.gz, truth.nii.gz."""
    figure.program("synth", "--out", folder, "--seed", seed, "--size", size, "--spacing", 345.6 / size,
                   "--slices", slices, "--quiet")  # fmt: skip
    return folder


def ball(seed, shape=(60, 56, 10)):
    """A body with a brighter ball, and the ball."""
    grid = np.indices(shape)
    inside = lambda centre, radius: sum(((g - c) / r) ** 2 for g, c, r in zip(grid, centre, radius)) < 1
    label = inside((20 + seed % 5, 26 + seed % 4, 5), (14, 16, 4))
    body = inside([n / 2 for n in shape], (27, 25, 20))
    noise = np.random.default_rng(seed).normal(0, 8, shape)
    return (200.0 * body + 300.0 * label + noise).astype(np.float32), label.astype(np.uint8)


def write(path, voxels, spacing=(3, 3, 7), **header):
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    affine[:3, 3] = [90, 80, -50]
    image = nibabel.Nifti1Image(voxels, affine)
    for key, value in header.items():
        image.header[key] = value
    nibabel.save(image, path)


def cases(folder, names):
    """NAME_image.nii.gz and NAME_label.nii.gz of each name."""
    folder.mkdir(parents=True)
    for seed, name in enumerate(names):
        image, label = ball(seed)
        write(folder / f"{name}_image.nii.gz", image)
        write(folder / f"{name}_label.nii.gz", label)
    return folder


def card(path, **more):
    path.write_text(json.dumps({"name": "ball", "version": "1", "structure": "liver", "modality": "MR",
                                "spacing_mm": 6, **more}))  # fmt: skip
    return path


def train(data, out, steps, *more, **options):
    return figure.program("train", "--data", data, "--out", out, *FAST, "--steps", steps, *more, **options)
