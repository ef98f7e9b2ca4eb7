"""The series reader against pydicom and SimpleITK; faults that must never pass silently."""
import pathlib
import shutil

import imaging_library as lib
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

OK, AMBIGUOUS, REFUSED = 0, 1, 2


@pytest.fixture
def series(tmp_path):
    """Seven oblique slices of 20 x 24 pixels, and their matrix."""
    axes, _ = np.linalg.qr(np.array([[1.0, 0.2, -0.1], [-0.15, 0.9, 0.3], [0.2, -0.3, 0.95]]))
    if np.linalg.det(axes) < 0:
        axes[:, 2] *= -1
    matrix = np.eye(4)
    matrix[:3, :3] = axes * [1.5, 1.25, 6.0]
    matrix[:3, 3] = [-80.5, 20.25, 300.125]
    voxels = np.random.default_rng(1).integers(0, 900, (7, 20, 24)).astype(np.float32)
    folder = tmp_path / "series"
    lib.write_series(voxels, matrix, folder)
    return folder, voxels, matrix


def in_order(folder):
    """(path, data set) of every file, in order of the slices."""
    files = [(path, pydicom.dcmread(path)) for path in sorted(folder.iterdir())]
    return sorted(files, key=lambda item: int(item[1].InstanceNumber))


def change(folder, edit, which=None):
    """Apply edit(data set, slice number) to all slices, or to those listed."""
    for number, (path, data) in enumerate(in_order(folder)):
        if which is None or number in which:
            edit(data, number)
            data.save_as(path)


def verdict(folder):
    found = lib.SeriesList(folder)
    assert len(found) == 1
    info = found.info()
    assert (info.verdict == OK) == (info.reason_id == b"") == (info.reason == b"")
    if info.verdict != OK:
        with pytest.raises(lib.Failure) as failure:
            found.read()
        assert failure.value.status == (lib.REFUSED if info.verdict == REFUSED else 12)
    return info.verdict, info.reason_id.decode(), info.reason.decode()


def test_all_seven_prostatex_series_get_the_right_verdict(shared):
    found = lib.SeriesList(shared / "prostatex-dicom")
    verdicts = {}
    for index in range(len(found)):
        info = found.info(index)
        verdicts[info.description.decode()] = (info.verdict, info.reason_id.decode())
    assert verdicts == {
        "t2_tse_tra": (OK, ""), "t2_tse_cor": (OK, ""), "t2_tse_sag": (OK, ""),
        "t2_tse_tra_320_p2": (OK, ""), "ep2d_diff_tra_DYNDIST_ADC": (OK, ""),
        "ep2d_diff_tra_DYNDISTCALC_BVAL": (REFUSED, "missing-slice"),
        "t2_localizer": (REFUSED, "mixed-orientation")}


@pytest.mark.parametrize("name", ["ProstateX-0000/ep2d_diff_adc", "ProstateX-0000/t2_tse_cor",
                                  "ProstateX-0000/t2_tse_sag", "ProstateX-0000/t2_tse_tra",
                                  "ProstateX-0218/t2_tse_tra_320_p2"])
def test_real_series_equal_what_simpleitk_reads(shared, name):
    import SimpleITK
    folder = shared / "prostatex-dicom" / name
    voxels, geometry = lib.SeriesList(folder).read()
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    assert np.array_equal(voxels, SimpleITK.GetArrayFromImage(image).astype(np.float32))
    for corner in np.ndindex(2, 2, 2):
        index = [int(c * (n - 1)) for c, n in zip(corner, image.GetSize())]
        ours = geometry.matrix @ [*index, 1]
        assert np.abs(ours[:3] - image.TransformIndexToPhysicalPoint(index)).max() < 1e-3


def test_a_chaos_volume_written_as_series_comes_back_identically(shared, tmp_path):
    import nibabel
    for number in (1, 20):
        image = nibabel.load(shared / f"chaos-t2spir-nc/chaos_{number:02}_image.nii.gz")
        voxels = np.ascontiguousarray(image.get_fdata().transpose(2, 1, 0))
        matrix = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine  # RAS to LPS
        lib.write_series(voxels, matrix, tmp_path / str(number))
        found = lib.SeriesList(tmp_path / str(number))
        back, geometry = found.read()
        # The reader stacks along the normal; bring the source's slices into the same order.
        if np.linalg.det(matrix[:3, :3]) < 0:
            matrix = matrix @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, len(voxels) - 1],
                                        [0, 0, 0, 1]])
            voxels = voxels[::-1]
        assert np.array_equal(back, voxels)
        assert np.abs(geometry.matrix - matrix).max() < 1e-5
        assert np.abs(geometry.matrix @ [255, 255, len(voxels) - 1, 1]
                      - matrix @ [255, 255, len(voxels) - 1, 1]).max() < 1e-3


def test_written_files_are_valid_mr_images(series):
    import subprocess
    for path in series[0].iterdir():
        result = subprocess.run(["dciodvfy", path], capture_output=True, text=True)
        assert "Error" not in result.stderr and result.stderr.strip().endswith("MRImage")
        assert path.read_bytes()[:128] == bytes(128)


def test_pixels_are_those_that_pydicom_reads(series):
    folder, voxels, _ = series
    found = lib.SeriesList(folder)
    back, _ = found.read()
    for number, (_, data) in enumerate(in_order(folder)):
        assert np.array_equal(data.pixel_array, back[number])


@pytest.mark.parametrize("stored,high,signed", [(8, 7, 0), (8, 7, 1), (12, 11, 0), (12, 11, 1),
                                                (12, 15, 0), (16, 15, 0), (16, 15, 1), (10, 9, 1)])
def test_all_bit_depths_and_signs(series, stored, high, signed):
    folder, voxels, _ = series
    allocated = 8 if stored == 8 else 16
    low, top = (-(1 << (stored - 1)), 1 << (stored - 1)) if signed else (0, 1 << stored)
    values = np.random.default_rng(2).integers(low, top, voxels.shape)

    def edit(data, number):
        cells = (values[number] & ((1 << stored) - 1)) << (high + 1 - stored)
        if high == 11 and not signed:
            cells |= 0x5000  # what lies above HighBit is no part of the value
        data.BitsAllocated, data.BitsStored, data.HighBit = allocated, stored, high
        data.PixelRepresentation = signed
        data.PixelData = cells.astype(np.uint8 if allocated == 8 else np.uint16).tobytes()
        data["PixelData"].VR = "OB" if allocated == 8 else "OW"
        data.RescaleSlope, data.RescaleIntercept = 0.5, -10 * number
    change(folder, edit)
    back, _ = lib.SeriesList(folder).read()
    for number in range(len(values)):
        assert np.array_equal(back[number], np.float32(values[number] * 0.5 - 10 * number))


def test_ct_is_read_in_hounsfield_units(series):
    folder, voxels, _ = series

    def edit(data, _):
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        data.Modality = "CT"
        data.RescaleSlope, data.RescaleIntercept = 1, -1024
    change(folder, edit)
    found = lib.SeriesList(folder)
    assert found.info().modality == b"CT"
    assert np.array_equal(found.read()[0], voxels - 1024)


def test_names_outside_ascii(series):
    folder, _, _ = series
    target = folder.parent / "Ärztehaus 肝臓"
    shutil.move(folder, target)

    def edit(data, _):
        data.SpecificCharacterSet = "ISO_IR 100"
        data.SeriesDescription = "Leber über alles é"
    change(target, edit)
    assert lib.SeriesList(target).info().description.decode() == "Leber über alles é"


@pytest.mark.parametrize("charset,text", [("ISO_IR 192", "肝臓 T2"), ("ISO_IR 144", "Печень"),
                                          ("ISO_IR 101", "Wątroba")])
def test_descriptions_are_utf8(series, charset, text):
    folder, _, _ = series

    def edit(data, _):
        data.SpecificCharacterSet = charset
        data.SeriesDescription = text
    change(folder, edit)
    assert lib.SeriesList(folder).info().description.decode() == text


def test_a_wrong_character_set_does_no_harm(series):
    folder, voxels, _ = series
    for path, data in in_order(folder):
        content = path.read_bytes().replace(b"ISO_IR 192", b"NONSENSE  ")
        path.write_bytes(content.replace(b"phantom ", b"ph\xe4ntom "))
    found = lib.SeriesList(folder)
    assert found.info().description.decode() == "ph?ntom"
    assert found.info().verdict == OK


# ---- faults ---------------------------------------------------------------------------------------

def remove(folder, *numbers):
    files = in_order(folder)
    for number in numbers:
        files[number][0].unlink()


def move_slice(number, offset):
    def edit(data, _):
        data.ImagePositionPatient = [float(p) + o for p, o in zip(data.ImagePositionPatient, offset)]
    return lambda folder: change(folder, edit, [number])


def set_tag(keyword, value, which=None):
    return lambda folder: change(folder, lambda data, _: setattr(data, keyword, value), which)


def delete_tag(keyword, which=None):
    return lambda folder: change(folder, lambda data, _: delattr(data, keyword), which)


def copy_file(folder):
    path, _ = in_order(folder)[2]
    shutil.copy(path, folder / "copy.dcm")


def second_slice_at_one_place(folder):
    path, data = in_order(folder)[2]
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    data.save_as(folder / "stray.dcm")


def unlabelled_volumes(folder):
    for path, data in in_order(folder):
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        data.save_as(folder / ("second_" + path.name))


def one_slice_without_thickness(folder):
    remove(folder, 0, 1, 2, 3, 4, 5)
    change(folder, lambda d, _: [delattr(d, k) for k in ("SliceThickness", "SpacingBetweenSlices")])


def cut(bytes_left):
    def action(folder):
        path, _ = in_order(folder)[3]
        content = path.read_bytes()
        path.write_bytes(content[:bytes_left])
    return action


def enhanced(data, _):
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = pydicom.uid.EnhancedMRImageStorage


def jpeg2000(data, _):
    data.file_meta.TransferSyntaxUID = pydicom.uid.JPEG2000Lossless
    data.PixelData = encapsulate([b"\x00" * 100])
    data["PixelData"].is_undefined_length = True


def lookup_table(data, _):
    item = Dataset()
    item.LUTDescriptor = [1, 0, 16]
    item.ModalityLUTType = "US"
    item.LUTData = b"\0\0"
    data.ModalityLUTSequence = Sequence([item])


def colour(data, _):
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "RGB", 0
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit = 7
    data.PixelRepresentation = 0
    data.PixelData = bytes(data.Rows * data.Columns * 3)


FAULTS = {
    "gap of one slice": (lambda f: remove(f, 3), "missing-slice"),
    "gap of two slices": (lambda f: remove(f, 3, 4), "missing-slice"),
    "gap in three slices": (lambda f: remove(f, 1, 4, 5, 6), "missing-slice"),
    "every second slice": (lambda f: remove(f, 1, 3, 5), "missing-slice"),
    "one slice shifted along the normal": (move_slice(3, None), "uneven-spacing"),
    "one slice shifted in its plane": (move_slice(3, None), "sheared-stack"),
    "the same file twice": (copy_file, "duplicate-instance"),
    "another slice at one position": (second_slice_at_one_place, "duplicate-position"),
    "two volumes that nothing tells apart": (unlabelled_volumes, "several-volumes"),
    "one slice tilted": (set_tag("ImageOrientationPatient", [1, 0, 0, 0, 1, 0], [3]), "mixed-orientation"),
    "mixed pixel spacing": (set_tag("PixelSpacing", [1.25, 1.6], [3]), "mixed-spacing"),
    "mixed matrix": (lambda f: change(f, lambda d, _: (setattr(d, "Rows", 10),
                                                       setattr(d, "PixelData", d.PixelData[:480])), [3]),
                     "mixed-matrix"),
    "two frames of reference": (set_tag("FrameOfReferenceUID", "1.2.3", [3]), "mixed-frame-of-reference"),
    "localizer": (set_tag("ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]), "localizer"),
    "mosaic": (set_tag("ImageType", ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]), "mosaic"),
    "no position": (delete_tag("ImagePositionPatient", [2]), "missing-position"),
    "no orientation": (delete_tag("ImageOrientationPatient"), "missing-orientation"),
    "no pixel spacing": (delete_tag("PixelSpacing"), "missing-pixel-spacing"),
    "pixel spacing of zero": (set_tag("PixelSpacing", [0, 0]), "invalid-pixel-spacing"),
    "directions not at right angles": (set_tag("ImageOrientationPatient", [1, 0, 0, 0.7, 0.7, 0]),
                                       "invalid-orientation"),
    "directions not unit vectors": (set_tag("ImageOrientationPatient", [2, 0, 0, 0, 1, 0]),
                                    "invalid-orientation"),
    "enhanced multi-frame": (lambda f: change(f, enhanced), "missing-functional-groups"),
    "several frames": (set_tag("NumberOfFrames", 2), "pixels-missing"),
    "secondary capture": (set_tag("SOPClassUID", pydicom.uid.SecondaryCaptureImageStorage),
                          "unsupported-object"),
    "jpeg 2000": (lambda f: change(f, jpeg2000), "unsupported-compression"),
    "lookup table": (lambda f: change(f, lookup_table), "lookup-table"),
    "colour": (lambda f: change(f, colour), "colour-image"),
    "bits stored beyond allocated": (set_tag("BitsStored", 17), "pixel-depth"),
    "32 bits": (lambda f: change(f, lambda d, _: (setattr(d, "BitsAllocated", 32),
                                                  setattr(d, "PixelData", d.PixelData * 2))),
                "pixel-depth"),
    "one slice only, without thickness": (one_slice_without_thickness, "single-slice"),
    "file cut in the pixels": (cut(-1), "damaged-file"),
    "file cut before the pixels": (cut(600), "damaged-file"),
    "file cut in the identification": (cut(350), "damaged-file"),
    "matrix larger than the pixels": (set_tag("Rows", 21, [3]), "pixels-missing"),
    "matrix as large as can be": (lambda f: change(f, lambda d, _: (setattr(d, "Rows", 65535),
                                                                    setattr(d, "Columns", 65535))),
                                  "pixels-missing"),
    "no pixels": (delete_tag("PixelData", [3]), "pixels-missing"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_series_is_never_accepted(series, fault):
    folder, _, matrix = series
    action, reason = FAULTS[fault]
    if "along the normal" in fault:
        action = move_slice(3, matrix[:3, 2] * 0.3)
    if "in its plane" in fault:
        action = move_slice(3, matrix[:3, 0] * 2)
    action(folder)
    found_verdict, found_reason, sentence = verdict(folder)
    assert (found_verdict, found_reason) == (AMBIGUOUS if reason == "several-volumes" else REFUSED, reason)
    assert len(sentence) > 20
    if reason in ("damaged-file", "pixels-missing"):
        assert ".dcm" in sentence
    if reason == "unsupported-compression":
        assert "JPEG 2000" in sentence


def test_small_rounding_of_positions_is_accepted(series):
    folder, voxels, _ = series
    rng = np.random.default_rng(3)

    def edit(data, _):
        data.ImagePositionPatient = [round(float(p) + o, 4) for p, o in
                                     zip(data.ImagePositionPatient, rng.uniform(-0.005, 0.005, 3))]
    change(folder, edit)
    assert verdict(folder)[0] == OK
    assert np.array_equal(lib.SeriesList(folder).read()[0], voxels)


def test_mixed_folders_are_sorted_out(series, tmp_path):
    folder, voxels, matrix = series
    lib.write_series(voxels[:4], matrix, tmp_path / "other", seed=2)
    for path in (tmp_path / "other").iterdir():
        shutil.move(path, folder / ("x" + path.name))
    (folder / "sub" / "deep").mkdir(parents=True)
    shutil.move(folder / "IM0001.dcm", folder / "sub" / "deep" / "without_suffix")
    (folder / "README.txt").write_text("no image")
    (folder / "zero.dcm").write_bytes(b"")
    (folder / "short.dcm").write_bytes(b"DICM")
    report = pydicom.dcmread(folder / "IM0002.dcm")
    del report.Rows, report.Columns, report.PixelData
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = pydicom.uid.BasicTextSRStorage
    report.SeriesInstanceUID = "1.2.3.4"
    report.save_as(folder / "report.dcm")
    found = lib.SeriesList(folder)
    assert sorted(found.info(i).slices for i in range(len(found))) == [4, 7]
    assert all(found.info(i).verdict == OK for i in range(len(found)))


def test_a_damaged_file_of_unknown_series_casts_doubt_on_its_folder(series):
    folder, _, _ = series
    (folder / "broken.dcm").write_bytes(bytes(128) + b"DICM" + b"\xff" * 50)
    assert verdict(folder)[:2] == (REFUSED, "damaged-file")


def test_files_without_header_are_read(series):
    folder, voxels, _ = series
    for path in list(folder.iterdir()):
        data = pydicom.dcmread(path)
        with open(path, "wb") as file:
            from pydicom.filewriter import write_dataset
            from pydicom.filebase import DicomFileLike
            stream = DicomFileLike(file)
            stream.is_little_endian, stream.is_implicit_VR = True, True
            write_dataset(stream, data)
    assert np.array_equal(lib.SeriesList(folder).read()[0], voxels)


def test_random_damage_never_crashes(series):
    """Bytes flipped and files cut at random: a verdict or a clean failure in little time and memory.
    One of these files made the toolkit set out to load a name of 4 GB."""
    import resource
    import time
    folder, _, _ = series
    rng = np.random.default_rng(4)
    path = sorted(folder.iterdir())[0]
    whole = path.read_bytes()
    for _ in range(300):
        content = bytearray(whole)
        for at in rng.integers(128, len(content), rng.integers(1, 30)):
            content[at] = rng.integers(0, 256)
        if rng.random() < 0.3:
            content = content[:rng.integers(0, len(content))]
        path.write_bytes(content)
        start = time.monotonic()
        try:
            found = lib.SeriesList(folder)
            for index in range(len(found)):
                if found.info(index).verdict == OK:
                    found.read(index)
        except lib.Failure:
            pass
        assert time.monotonic() - start < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1 << 20  # KiB
