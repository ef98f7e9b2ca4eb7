"""F8: every kind of geometry or input fault is found and named; clean series are not refused.

Each fault is made in a sound series and must be refused (or, where a choice is asked for, called ambiguous) with its
own identifier. Clean series must be usable, every volume of them. ITK's reader is asked too, as the yardstick: how many
of the faults it reads without an error.
"""

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
import pydicom  # noqa: E402
from pydicom.uid import generate_uid  # noqa: E402

SOURCES = ("Logic/Imaging", "Testing/Imaging", "Testing/Trust")
OK, AMBIGUOUS, REFUSED, REGULARIZED = range(4)
SLICES = 7


def matrix(degrees=20, spacing=(1.5, 1.25, 5.0), origin=(-20, 10, -30)):
    angle = np.radians(degrees)
    result = np.eye(4)
    result[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    result[:3, :3] *= spacing
    result[:3, 3] = origin
    return result


def voxels(seed, slices=SLICES):
    return np.random.default_rng(seed).integers(0, 900, (slices, 12, 10)).astype(np.float32)


# ---- faults: {id: what makes it of a folder with a sound series} ----------------------------------------------------


def in_order(folder):
    files = [(path, pydicom.dcmread(path)) for path in sorted(folder.iterdir())]
    return sorted(files, key=lambda item: int(item[1].InstanceNumber))


def each(edit, which=None):
    def make(folder):
        for number, (path, data) in enumerate(in_order(folder)):
            if which is None or number in which:
                edit(data, number)
                data.save_as(path)
    return make


def put(keyword, value, which=None):
    return each(lambda data, _: setattr(data, keyword, value), which)


def drop(keyword, which=None):
    return each(lambda data, _: delattr(data, keyword), which)


def move(number, axis, distance):
    def edit(data, _):
        step = matrix()[:3, axis] / np.linalg.norm(matrix()[:3, axis]) * distance
        data.ImagePositionPatient = [float(p) + s for p, s in zip(data.ImagePositionPatient, step)]
    return each(edit, [number])


def without(*numbers):
    return lambda folder: [in_order(folder)[n][0].unlink() for n in sorted(numbers, reverse=True)]


def copies(new_instance, which=None):
    def make(folder):
        for number, (path, data) in enumerate(in_order(folder)):
            if which is None or number in which:
                if new_instance:
                    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
                data.save_as(folder / f"copy_{path.name}")
    return make


def compressed(data, _):
    data.file_meta.TransferSyntaxUID = pydicom.uid.JPEG2000Lossless
    data.PixelData = pydicom.encaps.encapsulate([b"\0" * 100])
    data["PixelData"].is_undefined_length = True


def colour(data, _):
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "RGB", 0
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    data.PixelData = bytes(data.Rows * data.Columns * 3)


def lookup(data, _):
    item = pydicom.Dataset()
    item.LUTDescriptor, item.ModalityLUTType, item.LUTData = [1, 0, 16], "US", b"\0\0"
    data.ModalityLUTSequence = [item]


def large(data, _):
    data.Rows, data.Columns = 1, 9000
    data.PixelData = bytes(18000)


def tilted(data, number):
    x, y, z = map(float, data.ImagePositionPatient)
    data.ImagePositionPatient = [x + 1.5 * number, y, z]


def scout(folder):
    shutil.rmtree(folder)
    folder.mkdir()
    series = generate_uid()
    planes = (np.eye(3), [[0, 0, 1], [1, 0, 0], [0, -1, 0]], [[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    for n, plane in enumerate(planes):
        own = np.eye(4)
        own[:3, :3] = np.array(plane) * [1.5, 1.25, 5]
        lib.write_series(voxels(n, 3), own, folder / "part", seed=9)
        for path in (folder / "part").iterdir():
            data = pydicom.dcmread(path)
            data.SeriesInstanceUID = series
            data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            data.save_as(folder / f"{n}_{path.name}")
        shutil.rmtree(folder / "part")


def cut(left):
    def make(folder):
        path = in_order(folder)[3][0]
        path.write_bytes(path.read_bytes()[:left])
    return make


def huge_header(folder):
    path = in_order(folder)[3][0]
    content = path.read_bytes()
    items = (b"\xfe\xff\x00\xe0" + bytes(4)) * (40 << 17)
    at = content.index(b"\xe0\x7f\x10\x00OW")
    path.write_bytes(content[:at] + b"\x00\x52\x30\x92SQ\0\0" + len(items).to_bytes(4, "little") + items + content[at:])


def lost_from_medium(folder):
    from pydicom.fileset import FileSet

    files = FileSet()
    for path in folder.iterdir():
        files.add(path)
    files.write(folder / "disc")
    for path in list(folder.iterdir()):
        if path.is_file():
            path.unlink()
    images = [p for p in (folder / "disc").rglob("*") if p.is_file() and p.name != "DICOMDIR"]
    max(images, key=lambda p: pydicom.dcmread(p).InstanceNumber).unlink()


def enhanced(edit):
    def make(folder):
        shutil.rmtree(folder)
        lib.write_enhanced([(voxels(1), matrix(), {})], folder)
        path = folder / "IM0001.dcm"
        data = pydicom.dcmread(path)
        edit(data)
        data.save_as(path)
    return make


def giant(data):
    """More frames than can be held: 8192 x 8192 pixels in every one of 33, as one empty compressed frame."""
    frames = data.PerFrameFunctionalGroupsSequence
    for n in range(7, 33):
        frame = pydicom.Dataset()
        frame.update(frames[0])
        position = pydicom.Dataset()
        origin = matrix()[:3, 3] + matrix()[:3, 2] * n
        position.ImagePositionPatient = origin.tolist()
        frame.PlanePositionSequence = [position]
        frames.append(frame)
    data.NumberOfFrames, data.Rows, data.Columns = 33, 8192, 8192
    data.file_meta.TransferSyntaxUID = pydicom.uid.RLELossless
    data.PixelData = pydicom.encaps.encapsulate([b"\0" * 64] * 33)
    data["PixelData"].is_undefined_length = True


FAULTS = {
    "damaged-file": cut(600),
    "pixels-missing": put("Rows", 65535, [3]),
    "header-too-large": huge_header,
    "missing-file": lost_from_medium,
    "duplicate-instance": copies(False, [2]),
    "unsupported-object": put("SOPClassUID", pydicom.uid.SecondaryCaptureImageStorage),
    "multi-frame": each(lambda d, _: (setattr(d, "NumberOfFrames", 2), setattr(d, "PixelData", d.PixelData * 2))),
    "mosaic": put("ImageType", ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]),
    "localizer": put("ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]),
    "mixed-object": each(lambda d, _: setattr(d, "Modality", "CT"), [3]),
    "unsupported-compression": each(compressed),
    "colour-image": each(colour),
    "pixel-depth": put("BitsStored", 17),
    "lookup-table": each(lookup),
    "invalid-rescale": each(lambda d, _: (setattr(d, "RescaleSlope", 0), setattr(d, "RescaleIntercept", 0))),
    "matrix-too-large": each(large),
    "volume-too-large": enhanced(giant),
    "frame-count": enhanced(lambda d: d.PerFrameFunctionalGroupsSequence.pop()),
    "missing-functional-groups": enhanced(lambda d: delattr(d, "PerFrameFunctionalGroupsSequence")),
    "missing-position": drop("ImagePositionPatient", [2]),
    "missing-orientation": drop("ImageOrientationPatient"),
    "missing-pixel-spacing": drop("PixelSpacing"),
    "invalid-position": put("ImagePositionPatient", [1e9, 0, 0], [3]),
    "invalid-orientation": put("ImageOrientationPatient", [1, 0, 0, 0.7, 0.7, 0]),
    "invalid-pixel-spacing": put("PixelSpacing", [0, 0]),
    "mixed-orientation": scout,
    "mixed-matrix": each(lambda d, _: (setattr(d, "Rows", 6), setattr(d, "PixelData", d.PixelData[:120])), [3]),
    "mixed-spacing": put("PixelSpacing", [1.25, 1.6], [3]),
    "mixed-frame-of-reference": put("FrameOfReferenceUID", "1.2.3", [3]),
    "duplicate-position": copies(True, [2]),
    "several-volumes": copies(True),
    "single-slice": lambda f: (without(0, 1, 2, 3, 4, 5)(f), drop("SliceThickness")(f), drop("SpacingBetweenSlices")(f)),
    "gantry-tilt": each(tilted),
    "sheared-stack": move(3, 0, 4.0),
    "uneven-spacing": move(3, 2, 1.2),
    "missing-slice": without(3),
}  # fmt: skip


def identifiers():
    found = []
    while (name := lib.library.fseg_series_reason_id(len(found))) is not None:
        found.append(name.decode())
    return found


ITK = """
import resource, sys
import SimpleITK
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(sys.argv[1], recursive=True)
try:
    SimpleITK.ReadImage(names)
except RuntimeError:
    names = ()
sys.exit(3 if names else 4)
"""


def asked_of_itk(folder):
    """What ITK does with all slices of the series: "read", "error" or "crash" (some faults end its process)."""
    result = subprocess.run([sys.executable, "-c", ITK, folder], capture_output=True, timeout=120)
    return {3: "read", 4: "error"}.get(result.returncode, "crash")


def faults(run):
    found, missed, itk = [], [], []
    for name, make in FAULTS.items():
        folder = run.folder / name
        lib.write_series(voxels(1), matrix(), folder)
        make(folder)
        series = lib.SeriesList(folder)
        infos = series.infos()
        wanted = AMBIGUOUS if name == "several-volumes" else REFUSED
        right = len(infos) == 1 and (infos[0].verdict, infos[0].reason_id.decode()) == (wanted, name)
        right = right and len(infos[0].reason) > 20
        (found if right else missed).append(name)
        if not right:
            run.say(f"{name}: {[(i.verdict, i.reason_id.decode(), i.reason.decode()) for i in infos]}")
        if not run.quick:
            itk.append(asked_of_itk(folder))
        shutil.rmtree(folder)
    for name in set(identifiers()) - set(FAULTS):
        missed.append(name)
        run.say(f"no fault of the kind {name} was made")
    return found, missed, itk


# Public series that are no volumes, and why: pilots in three planes, a turning projection, slices left out of a brain,
# scouts, a prostate with a slice taken away, frames without a place, what is no MR at all.
PYDICOM = pathlib.Path(pydicom.__file__).parent / "data/test_files"
PYDICOM_DATA = pathlib.Path(pydicom.__file__).parents[1] / "data_store/data"  # package pydicom-data
PUBLIC_FAULTS = {
    PYDICOM_DATA / "emri_small.dcm": ("missing-functional-groups",),
    PYDICOM_DATA / "emri_small_big_endian.dcm": ("missing-functional-groups",),
    PYDICOM_DATA / "emri_small_jpeg_ls_lossless.dcm": ("missing-functional-groups",),
    PYDICOM_DATA / "emri_small_jpeg_2k_lossless_too_short.dcm": ("damaged-file",),
    PYDICOM_DATA / "MR2_J2KR.dcm": ("unsupported-compression",),
    PYDICOM_DATA / "liver.dcm": ("unsupported-object",),
    PYDICOM_DATA / "SC_rgb.dcm": ("unsupported-object",),
    PYDICOM_DATA / "mlut_18.dcm": ("unsupported-object",),
    PYDICOM / "dicomdirtests/98892003/MR2": ("mixed-orientation", "mixed-orientation", ""),
    PYDICOM / "dicomdirtests/98892003/MR700": ("mixed-orientation",),
    PYDICOM / "dicomdirtests/77654033/CT2": ("missing-slice",),
    PYDICOM / "dicomdirtests/98892001/CT2N": ("localizer",),
    figure.SHARED / "data/prostatex-dicom/ProstateX-0218/t2_localizer": ("mixed-orientation",),
    figure.SHARED / "data/prostatex-dicom/ProstateX-0000/ep2d_diff_calcbval_missing_slice": ("missing-slice",),
}  # fmt: skip


def public_faults(run):
    there = {folder: wanted for folder, wanted in PUBLIC_FAULTS.items() if folder.exists()}
    right = 0
    for folder, wanted in there.items():
        got = tuple(info.reason_id.decode() for info in lib.SeriesList(folder).infos())
        right += sorted(got) == sorted(wanted)
        if sorted(got) != sorted(wanted):
            run.say(f"{folder.name}: {got} instead of {wanted}")
    return right, len(there)


# ---- clean series ---------------------------------------------------------------------------------------------------


def with_pydicom(run):
    """MR and CT images that come with pydicom and pydicom-data, each as it is; those that nobody could place are not clean."""
    files = PYDICOM
    singles = ["MR_small", "MR_small_RLE", "MR_small_bigendian", "MR_small_expb", "MR_small_implicit",
               "MR_small_jpeg_ls_lossless", "MR_small_padded", "CT_small", "ExplVR_BigEnd"]  # fmt: skip
    for name in singles:
        path = files / f"{name}.dcm"
        if path.exists() and "ImagePositionPatient" in pydicom.dcmread(path, stop_before_pixels=True):
            yield f"pydicom {name}", path
    for name in ("MR2_UNCI", "MR2_UNCR", "MR-SIEMENS-DICOM-WithOverlays"):
        if (path := PYDICOM_DATA / f"{name}.dcm").exists():
            yield f"pydicom-data {name}", path
    for folder in sorted((files / "dicomdirtests").glob("*/*")):
        if folder.is_dir() and folder.name.startswith(("CT", "MR")) and folder not in PUBLIC_FAULTS:
            yield f"pydicom {folder.parent.name}/{folder.name}", folder


def shared(run):
    root = figure.SHARED / "data/prostatex-dicom"
    for folder in sorted(root.glob("*/*")) if root.is_dir() else ():
        if folder not in PUBLIC_FAULTS:
            yield f"PROSTATEx {folder.name}", folder


def own(run):
    """Ours: kinds that no public series at hand shows, then real CHAOS voxels, then oblique phantoms."""
    folder = run.folder / "own"
    folder.mkdir()
    many = [{"echo_ms": 20}, {"echo_ms": 80}, {"echo_ms": 120}]
    kinds = {
        "enhanced": [{}], "enhanced echoes": many,
        "enhanced times": [{"temporal_position": n} for n in (1, 2)],
        "enhanced b-values": [{"diffusion": 1, "b_value": b} for b in (0, 800)],
    }  # fmt: skip
    for number, (name, values) in enumerate(kinds.items()):
        target = folder / name.replace(" ", "_")
        lib.write_enhanced([(voxels(n), matrix(11 * number), v) for n, v in enumerate(values)], target, lib.SHUFFLED)
        yield f"own {name}", target
    images = sorted((figure.SHARED / "data/chaos-t2spir-nc").glob("*_image.nii.gz"))
    for path in images[:3] if run.quick else images:
        import nibabel

        image = nibabel.load(path)
        data = np.ascontiguousarray(image.get_fdata().transpose(2, 1, 0))
        if run.quick:
            data = data[:, ::8, ::8].copy()
        lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
        lib.write_series(data, lps, folder / path.name)
        yield f"own, voxels of {path.name.removesuffix('_image.nii.gz')}", folder / path.name
    for degrees in range(3, 90, 7):
        lib.write_series(voxels(degrees, 9), matrix(degrees), folder / f"oblique{degrees}", seed=degrees)
        yield f"own oblique {degrees}", folder / f"oblique{degrees}"


def clean(run, wanted):
    counts, refused = {}, []
    for source in (with_pydicom, shared, own):
        for name, path in source(run):
            if sum(counts.values()) >= wanted:
                break
            counts[source.__name__] = counts.get(source.__name__, 0) + 1
            for info in lib.SeriesList(path).infos():
                if info.verdict != OK:
                    refused.append(name)
                    run.say(f"{name}: {info.reason_id.decode()}: {info.reason.decode()}")
    return counts, sorted(set(refused))


def measure(run):
    found, missed, itk = faults(run)
    right, public = public_faults(run)
    counts, refused = clean(run, 30)
    total = sum(counts.values())
    whose = {"with_pydicom": "come with pydicom and pydicom-data", "shared": "are of PROSTATEx", "own": "are ours"}
    value = (f"{len(found)} of {len(found) + len(missed)} kinds of faults found, {right} of {public} faulty public series; {len(refused)} of {total} clean series "
             f"refused ({', '.join(f'{n} {whose[s]}' for s, n in counts.items())})")  # fmt: skip
    if not run.quick:
        value += f"; ITK reads {itk.count('read')} of the faulty ones without an error, {itk.count('crash')} crash it"
    return run.result(value, not missed and right == public and len(found) >= 25 and not refused and total >= 30)


if __name__ == "__main__":
    figure.main("F8", "kinds of geometry and input faults found by name; clean series refused", "25 of 25; 0 of 30", measure)
