"""F7: a mask sits where the pixels say, however the patient lies, however the files are written.

A phantom without any symmetry is written as DICOM in all 48 orders and directions of its axes and in 200 oblique
ones, as one file per slice and as one enhanced file, shuffled and reversed; read, segmented by a threshold, saved as
DICOM SEG, and read back by dcmqi, highdicom and FrugalSeg. Every voxel of the answer is carried back into the grid of
the phantom by its position in the patient: no reader's own order of axes can hide an error.
"""

import itertools
import os
import pathlib
import shutil
import subprocess
import sys

import figure
import numpy as np

os.environ.setdefault("FRUGALSEG_IMAGING_LIBRARY", str(figure.BUILD / "lib/libfrugalseg_imaging.so"))
sys.path.insert(0, str(figure.SOURCE / "Testing/Imaging"))
import imaging_library as lib  # noqa: E402

SOURCES = ("Logic/Imaging", "Testing/Imaging", "Testing/Trust")
SIZE = (11, 13, 9)  # x, y, z of the phantom
SPACING = np.array([1.5, 1.25, 4.0])
THRESHOLD = 150
TOLERANCE = 1e-3  # mm
DCMQI = pathlib.Path(sys.prefix) / "bin/segimage2itkimage"


def phantom():
    """Three unequal ellipsoids and a mark in one corner, [x, y, z]."""
    grid = (np.indices(SIZE) + 0.5) / np.array(SIZE).reshape(3, 1, 1, 1)
    voxels = np.full(SIZE, 60.0)
    for centre, radius, value in (((0.35, 0.45, 0.5), (0.22, 0.28, 0.3), 300),
                                  ((0.70, 0.60, 0.4), (0.12, 0.16, 0.2), 450),
                                  ((0.60, 0.25, 0.7), (0.18, 0.09, 0.15), 600)):  # fmt: skip
        distance = sum(((g - c) / r) ** 2 for g, c, r in zip(grid, centre, radius))
        voxels[distance < 1] += value
    voxels[:3, :2, 0] = 900
    return voxels


def orientations(oblique):
    """(name, order of the axes, their directions, rotation): 48 along the axes, the others oblique."""
    for order in itertools.permutations(range(3)):
        for flips in itertools.product((1, -1), repeat=3):
            yield f"axes {order} {flips}", order, flips, np.eye(3)
    random = np.random.default_rng(7)
    for number in range(oblique):
        rotation = np.linalg.qr(random.normal(size=(3, 3)))[0]
        rotation[:, 0] *= np.linalg.det(rotation)  # a rotation, not a mirror; mirrors come with the flips
        order = tuple(random.permutation(3))
        flips = tuple(int(f) for f in random.choice((1, -1), 3))
        yield f"oblique {number}", order, flips, rotation


def placed(rotation, voxels):
    """Matrix of the phantom's own axes: index -> mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * SPACING
    matrix[:3, 3] = rotation @ np.array([-40.25, 30.5, 12.125])
    return matrix


def rearranged(voxels, matrix, order, flips):
    """The same voxels at the same places, stored in another order: ([z, y, x], matrix)."""
    stored = voxels.transpose(order)
    change = np.zeros((4, 4))
    change[3, 3] = 1
    for axis, (source, flip) in enumerate(zip(order, flips)):
        change[source, axis] = flip
        if flip < 0:
            stored = np.flip(stored, axis)
            change[source, 3] = voxels.shape[source] - 1
    return np.ascontiguousarray(stored.transpose(2, 1, 0)), matrix @ change


def carried_back(mask, to_lps, matrix):
    """The mask [i, j, k] of a reader in the phantom's grid, and the largest error of a corner in mm."""
    back = np.linalg.inv(matrix) @ to_lps
    corners = np.array(list(itertools.product(*((0, n - 1) for n in mask.shape))), dtype=float)
    exact = corners @ back[:3, :3].T + back[:3, 3]
    error = np.abs((np.round(exact) - exact) * SPACING).max()
    found = np.round(np.argwhere(mask) @ back[:3, :3].T + back[:3, 3]).astype(int)
    if ((found < 0) | (found >= SIZE)).any():
        return None, error
    result = np.zeros(SIZE, dtype=bool)
    result[tuple(found.T)] = True
    return result, error


def read_dcmqi(path, folder):
    import SimpleITK

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    subprocess.run([DCMQI, "--inputDICOM", path, "--outputDirectory", folder, "--outputType", "nrrd"],
                   check=True, capture_output=True)  # fmt: skip
    image = SimpleITK.ReadImage(str(next(folder.glob("*.nrrd"))))
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    return SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0) > 0, matrix


def read_highdicom(path):
    import highdicom

    volume = highdicom.seg.segread(path).get_volume(combine_segments=True, skip_overlap_checks=True)
    return np.asarray(volume.array) > 0, np.asarray(volume.affine)


def read_own(path, geometry):
    voxels = lib.read_seg(path, geometry)[0]
    return voxels.transpose(2, 1, 0) > 0, geometry.matrix


def write(kind, order, stored, matrix, folder, seed):
    if kind == "enhanced":
        frames = {"shuffled": lib.SHUFFLED, "reversed": lib.REVERSED}[order]
        lib.write_enhanced([(stored, matrix, {})], folder, frames, seed=seed)
        return
    lib.write_series(stored, matrix, folder, seed=seed)  # shuffled
    if order == "reversed":
        import pydicom

        files = sorted(folder.iterdir())
        numbers = {path: pydicom.dcmread(path, specific_tags=["InstanceNumber"]).InstanceNumber for path in files}
        for path in files:
            path.rename(folder / f"r{len(files) - numbers[path]:04}.dcm")


class Tally:
    def __init__(self):
        self.cases = self.readings = self.different = 0
        self.corner = 0.0
        self.wrong = []

    def add(self, name, mask, error, truth):
        self.readings += 1
        self.corner = max(self.corner, error)
        different = truth.size if mask is None else int((mask != truth).sum())
        self.different += different
        if different or error >= TOLERANCE:
            self.wrong.append(f"{name}: {different} voxels, corner {error:.2g} mm")


def check(tally, name, kind, order, stored, placement, matrix, truth, folder, judges):
    series, path = folder / "series", folder / "seg.dcm"
    shutil.rmtree(series, ignore_errors=True)
    path.unlink(missing_ok=True)
    write(kind, order, stored, placement, series, 1 + tally.cases)
    found = lib.SeriesList(series)
    voxels, geometry = found.read()
    mask = (voxels > THRESHOLD).astype(np.uint8)
    name = f"{name}, {kind}, {order}"
    tally.cases += 1
    tally.add(f"{name}: read", *carried_back(mask.transpose(2, 1, 0) > 0, geometry.matrix, matrix), truth)
    found.write_seg(mask, geometry, path)
    readers = {"own": lambda: read_own(path, geometry), "highdicom": lambda: read_highdicom(path),
               "dcmqi": lambda: read_dcmqi(path, folder / "dcmqi")}  # fmt: skip
    for judge in judges:
        tally.add(f"{name}: {judge}", *carried_back(*readers[judge](), matrix), truth)


def measure(run):
    figure.needs(DCMQI)
    voxels = phantom()
    truth = voxels > THRESHOLD
    all_cases = list(orientations(2 if run.quick else 200))
    if run.quick:
        all_cases = all_cases[::16] + all_cases[48:]
    tally = Tally()
    for number, (name, order, flips, rotation) in enumerate(all_cases):
        matrix = placed(rotation, voxels)
        stored, placement = rearranged(voxels, matrix, order, flips)
        pairs = list(itertools.product(("single-frame", "enhanced"), ("shuffled", "reversed")))
        for kind, files in pairs[number % 2 :: 3] if run.quick else pairs:
            check(tally, name, kind, files, stored, placement, matrix, truth, run.folder,
                  ("own", "highdicom", "dcmqi"))  # fmt: skip
        if number % 20 == 19:
            run.say(f"{number + 1} of {len(all_cases)} orientations, {tally.different} voxels differ")
    for line in tally.wrong[:20]:
        run.say(line)
    value = (f"{tally.different} voxels differ in {tally.readings} readings of {tally.cases} series "
             f"({len(all_cases)} orientations), largest corner error {tally.corner:.1g} mm")  # fmt: skip
    return run.result(value, not tally.wrong)


if __name__ == "__main__":
    figure.main("F7", "48 axis-aligned and 200 oblique orientations, single-frame and enhanced, files shuffled and reversed: "
                "voxels after DICOM, mask, SEG, and dcmqi, highdicom, own reader",
                "0 voxels differ; corners within 1e-3 mm", measure)  # fmt: skip
