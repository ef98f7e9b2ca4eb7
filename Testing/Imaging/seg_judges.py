"""Independent judges of DICOM SEG files: dciodvfy (valid?), dcmqi and highdicom (what do they read?)."""
import pathlib
import subprocess
import sys

import numpy as np


class JudgeFailed(Exception):
    """The judge itself ended without a verdict."""


def dciodvfy(path):
    """The lines of errors. It can abort by itself on odd files: then there is no verdict."""
    result = subprocess.run(["dciodvfy", path], capture_output=True, text=True, errors="replace", timeout=60)
    lines = result.stderr.strip().splitlines()
    if result.returncode < 0 or not lines or not any(line.strip().endswith("Segmentation") for line in lines):
        raise JudgeFailed(f"dciodvfy ended with {result.returncode}: {result.stderr[-300:]}")
    return [line for line in lines if line.startswith("Error")]


def corners(size):
    return [[int(c * (n - 1)) for c, n in zip(corner, size)] for corner in np.ndindex(2, 2, 2)]


def by_dcmqi(path, geometry, folder):
    """(labels [slices, rows, columns] by segment number, largest distance of a corner in mm)"""
    import SimpleITK
    folder.mkdir()
    subprocess.run([pathlib.Path(sys.executable).parent / "segimage2itkimage", "--inputDICOM", path,
                    "--outputDirectory", folder, "-t", "nrrd"], check=True, capture_output=True, timeout=120)
    labels, distance = None, 0.0
    for file in folder.glob("*.nrrd"):
        image = SimpleITK.ReadImage(str(file))
        voxels = SimpleITK.GetArrayFromImage(image)
        labels = voxels.astype(np.uint8) if labels is None else np.maximum(labels, voxels).astype(np.uint8)
        for at in corners(image.GetSize()):
            ours = (geometry.matrix @ [*at, 1])[:3]
            distance = max(distance, np.abs(ours - image.TransformIndexToPhysicalPoint(at)).max())
    return labels, distance


def by_highdicom(path, geometry):
    """(labels on the grid, largest distance of a voxel's centre from the grid's, in voxels)"""
    import highdicom
    seen = highdicom.seg.segread(str(path)).get_volume(combine_segments=True)
    # By place in space: highdicom is free to stack the slices the other way.
    indices = np.argwhere(seen.array > 0)
    places = (np.linalg.inv(geometry.matrix) @ seen.affine @ np.c_[indices, np.ones(len(indices))].T)[:3].T
    nearest = np.rint(places)
    labels = np.zeros(geometry.shape, np.uint8)
    labels[tuple(nearest.astype(int)[:, ::-1].T)] = seen.array[tuple(indices.T)]
    return labels, np.abs(places - nearest).max() if len(indices) else 0.0


def differences(path, geometry, labels, folder):
    """What dcmqi and highdicom read otherwise than `labels`, as sentences."""
    found = []
    voxels, distance = by_dcmqi(path, geometry, folder)
    if voxels is None or voxels.shape != labels.shape or not np.array_equal(voxels, labels):
        found.append("dcmqi reads other voxels")
    if distance >= 1e-3:
        found.append(f"dcmqi sees a corner {distance:.4f} mm aside")
    voxels, distance = by_highdicom(path, geometry)
    if not np.array_equal(voxels, labels):
        found.append("highdicom reads other voxels")
    if distance >= 1e-3:
        found.append(f"highdicom sees voxels {distance:.4f} of a voxel aside")
    return found
