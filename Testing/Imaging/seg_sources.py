"""Series of many origins, each with a mask of one or two structures: what F9 writes segmentations of."""
import dataclasses
import itertools
import shutil

import numpy as np
import pydicom


@dataclasses.dataclass
class Source:
    origin: str
    name: str
    found: object
    index: int
    geometry: object
    labels: np.ndarray
    segments: list


def labels_of(voxels, number):
    """Bright parts as one structure, middling ones as a second in every other source."""
    high, middle = np.percentile(voxels, [85, 60])
    labels = (voxels > high).astype(np.uint8)
    if not labels.any():
        labels[voxels == voxels.max()] = 1
    segments = [(("liver", "prostate")[number % 2], 1)]
    if number % 4 >= 2:
        labels[(voxels > middle) & (labels == 0)] = 2
        segments = [[("liver", 1), ("spleen", 2)], [("prostate-transition-zone", 1), ("prostate-peripheral-zone", 2)]][
            number % 2]
    return labels, segments if labels.max() == len(segments) else segments[:1]


def usable(folder, origin, name, lib, counter):
    """Every series below the folder that the reader takes."""
    try:
        found = lib.SeriesList(folder)
    except lib.Failure:
        return
    for index in range(len(found)):
        if found.info(index).verdict != 0:
            continue
        voxels, geometry = found.read(index)
        labels, segments = labels_of(voxels, next(counter))
        yield Source(origin, f"{name} {index + 1}", found, index, geometry, labels, segments)


def directions():
    """The 48 ways of laying voxel axes along the patient's: which axis, and which way."""
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            yield np.eye(3)[:, list(order)] * signs


def phantom(rng):
    voxels = rng.integers(0, 200, (5, 17, 22)).astype(np.float32)
    voxels[1:4, 4:12, 6:15] += 700
    voxels[0, 0, 0] = 1000
    return voxels


def phantoms(root, lib, counter, count):
    """Every way of the axes that a stack of slices can have (24 right-handed), then oblique ones."""
    rng = np.random.default_rng(9)
    axes = [d for d in directions() if np.linalg.det(d) > 0]
    while len(axes) < 36:
        turned, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        axes.append(turned if np.linalg.det(turned) > 0 else -turned)
    for i in range(0, len(axes), len(axes) // count):
        matrix = np.eye(4)
        matrix[:3, :3] = axes[i] * rng.uniform([0.6, 0.6, 3.0], [1.6, 1.6, 7.0])
        matrix[:3, 3] = rng.uniform(-150, 150, 3)
        folder = root / f"phantom{i}"
        lib.write_series(phantom(rng), matrix, folder, seed=i + 1)
        yield from usable(folder, "phantoms in orientations", f"{'axis-aligned' if i < 24 else 'oblique'} {i}", lib,
                          counter)


def real(shared, lib, counter, quick):
    names = ["ProstateX-0000/ep2d_diff_adc", "ProstateX-0218/t2_tse_tra_320_p2", "ProstateX-0000/t2_tse_sag",
             "ProstateX-0000/t2_tse_cor", "ProstateX-0000/t2_tse_tra"]
    for name in names[:1] if quick else names:
        yield from usable(shared / "prostatex-dicom" / name, "PROSTATEx series", name, lib, counter)


def converted(root, shared, lib, counter):
    """Real images that are only there as NIfTI, made a series by our writer."""
    import SimpleITK
    for path in sorted((shared / "chaos-t2spir-nc").glob("*_image.nii.gz")):
        image = SimpleITK.ReadImage(str(path))
        matrix = np.eye(4)
        matrix[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
        matrix[:3, 3] = image.GetOrigin()
        folder = root / path.name
        lib.write_series(SimpleITK.GetArrayFromImage(image).astype(np.float32), matrix, folder)
        yield from usable(folder, "CHAOS images as series of ours", path.name[:8], lib, counter)
        shutil.rmtree(folder)


def of_pydicom(lib, counter):
    """Whatever the test files of pydicom and pydicom-data hold of series; each folder once."""
    import pathlib
    roots = [pathlib.Path(pydicom.__file__).parent / "data"]
    try:
        import data_store
        roots.append(pathlib.Path(data_store.__file__).parent)
    except ImportError:
        pass
    for root in roots:
        yield from usable(root, "pydicom's test files", root.parent.name, lib, counter)


def stacked(root, lib, counter):
    """Single images of vendors in pydicom's files, given neighbours: the vendor's header, five slices."""
    import pathlib
    names = ["MR_small.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm",
             "MR_small_jpeg_ls_lossless.dcm", "MR_small_padded.dcm", "CT_small.dcm", "ExplVR_LitEndNoMeta.dcm"]
    base = pathlib.Path(pydicom.__file__).parent / "data" / "test_files"
    for name in names:
        data = pydicom.dcmread(base / name, force=True)
        if "PixelData" not in data or "ImagePositionPatient" not in data:
            continue
        folder = root / name
        folder.mkdir()
        first = np.array(data.ImagePositionPatient, float)
        row, column = np.array(data.ImageOrientationPatient, float).reshape(2, 3)
        uid = data.SOPInstanceUID
        for k in range(5):
            data.ImagePositionPatient = [f"{x:.6f}" for x in first + 5 * k * np.cross(row, column)]
            data.SOPInstanceUID = f"{uid[:60]}.{k + 1}"
            if getattr(data, "file_meta", None):
                data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
            data.save_as(folder / f"{k}.dcm")
        yield from usable(folder, "vendors' headers of pydicom's files", name, lib, counter)


def dirty(root, lib, counter, count):
    import dirty_sources
    kinds = [kind for kind in dirty_sources.KINDS if kind.exported]
    for kind in kinds[::max(1, len(kinds) // count)][:count]:
        folder = root / f"dirty{next(counter)}"
        dirty_sources.make(kind, folder, lib)
        yield from usable(folder, "series with a dirty tag", kind.name, lib, counter)


def enhanced(root, lib, counter, count):
    """Enhanced MR files of our writer, frames in order, reversed, shuffled."""
    rng = np.random.default_rng(11)
    for i in range(count):
        turned, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        matrix = np.eye(4)
        matrix[:3, :3] = (turned if np.linalg.det(turned) > 0 else -turned) * [1.1, 0.9, 4.0]
        matrix[:3, 3] = rng.uniform(-100, 100, 3)
        folder = root / f"enhanced{i}"
        lib.write_enhanced([(phantom(rng), matrix, {})], folder, order=i % 3)
        yield from usable(folder, "Enhanced MR files", f"{i}", lib, counter)


def every(root, shared, lib, quick):
    """All sources, one by one; `quick`: a few of each origin that costs little."""
    counter = itertools.count()
    yield from phantoms(root, lib, counter, 3 if quick else 36)
    yield from dirty(root, lib, counter, 2 if quick else 12)
    yield from enhanced(root, lib, counter, 1 if quick else 6)
    if shared.is_dir():
        yield from real(shared, lib, counter, quick)
    if not quick:
        yield from stacked(root, lib, counter)
        yield from of_pydicom(lib, counter)
        if shared.is_dir():
            yield from converted(root, shared, lib, counter)


def clear(root, number):
    """What one source left of files of the judges."""
    shutil.rmtree(root / f"dcmqi{number}", ignore_errors=True)
    (root / f"seg{number}.dcm").unlink(missing_ok=True)
