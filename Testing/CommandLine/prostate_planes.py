"""How well the masks of one patient's series in several planes agree with each other in space.

    prostate_planes.py MODEL FOLDER... [--out DIR] [--reference FILE --reference-index N]

Each FOLDER is a DICOM series of the same patient and examination. Every one is segmented with MODEL
by the program ($FRUGALSEG_PROGRAM, else `frugalseg` on the path); each mask is then sampled on one
grid of 1 mm (linear interpolation between its voxels, so that thick slices of different planes can
be compared) within the space that all series show, and the Dice of every pair is taken there. A
patient who moves between series lowers the figures as much as a wrong mask does.

--reference: a mask on the grid of series N (from 0), of another program or person; the Dice with it
is shown as agreement, never as accuracy.

Prints one JSON object. Research use only - not a medical device.
"""

import argparse
import itertools
import json
import os
import pathlib
import subprocess
import tempfile

import nibabel
import numpy as np


def segment(program, model, series, out):
    """Mask of a series as an image, and the program's report."""
    subprocess.run([program, "segment", "--model", model, "--in", series, "--out", out, "--quiet"],
                   check=True, stdout=subprocess.DEVNULL)
    report = json.loads((pathlib.Path(out) / "report.json").read_text())
    return nibabel.load(pathlib.Path(out) / "mask.nii.gz"), report


def sample(image, points):
    """Values of a mask at points [..., 3] (mm), linear between voxels; NaN outside the stack."""
    data = np.asarray(image.dataobj, dtype=np.float32)
    index = points @ np.linalg.inv(image.affine)[:3, :3].T + np.linalg.inv(image.affine)[:3, 3]
    size = np.array(data.shape)
    inside = np.all((index > -0.5) & (index < size - 0.5), axis=-1)
    index = np.clip(index, 0, size - 1)
    low = np.minimum(index.astype(int), size - 2)
    part = index - low
    value = np.zeros(index.shape[:-1], dtype=np.float32)
    for corner in itertools.product((0, 1), repeat=3):
        weight = np.prod(np.where(corner, part, 1 - part), axis=-1)
        at = low + np.array(corner)
        value += weight * data[at[..., 0], at[..., 1], at[..., 2]]
    return np.where(inside, value, np.nan)


def corners(image):
    ends = [(-0.5, n - 0.5) for n in image.shape]
    return np.array([image.affine[:3, :3] @ c + image.affine[:3, 3]
                     for c in itertools.product(*ends)])


def common_grid(images, spacing=1.0):
    """Points of a regular grid over the box that the bounding boxes of all stacks share."""
    low = np.max([corners(i).min(axis=0) for i in images], axis=0)
    high = np.min([corners(i).max(axis=0) for i in images], axis=0)
    axes = [np.arange(a, b, spacing) for a, b in zip(low, high)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def dice(a, b):
    total = a.sum() + b.sum()
    return float(2 * (a & b).sum() / total) if total else 0.0


def overlaps(images):
    """Dice of every pair within the space that all of them show."""
    points = common_grid(images)
    values = [sample(image, points) for image in images]
    seen = np.all([~np.isnan(v) for v in values], axis=0)
    masks = [(np.nan_to_num(v) > 0.5) & seen for v in values]
    return {f"{i}-{j}": dice(masks[i], masks[j])
            for i, j in itertools.combinations(range(len(masks)), 2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("model")
    parser.add_argument("series", nargs="+")
    parser.add_argument("--out", help="keep the masks and reports in this folder")
    parser.add_argument("--reference")
    parser.add_argument("--reference-index", type=int, default=0)
    options = parser.parse_args()
    program = os.environ.get("FRUGALSEG_PROGRAM", "frugalseg")
    result = {"notice": "Research use only - not a medical device.", "series": []}
    with tempfile.TemporaryDirectory() as scratch:
        images = []
        for number, series in enumerate(options.series):
            folder = pathlib.Path(options.out or scratch) / str(number)
            image, report = segment(program, options.model, series, folder)
            image.dataobj[:]  # read before the folder goes
            images.append(nibabel.Nifti1Image(np.asarray(image.dataobj), image.affine))
            entry = {"volume_ml": report["result"]["volume_ml"],
                     "warnings": report["warnings"]}
            if options.reference and number == options.reference_index:
                other = np.asarray(nibabel.load(options.reference).dataobj) > 0
                voxel = abs(np.linalg.det(image.affine[:3, :3])) / 1000
                entry["agreement_dice"] = dice(np.asarray(image.dataobj) > 0, other)
                entry["reference_ml"] = float(other.sum() * voxel)
            result["series"].append(entry)
        result["overlap"] = overlaps(images) if len(images) > 1 else {}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
