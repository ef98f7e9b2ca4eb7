"""Series of several volumes, enhanced objects and unusual but sound series: divided, labelled, read."""
import pathlib
import shutil

import imaging_library as lib
import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

OK, AMBIGUOUS, REFUSED, REGULARIZED = range(4)
MATRIX = np.array([[1.5, 0, 0, -20], [0, 1.25, 0, 10], [0, 0, 5, -30], [0, 0, 0, 1.0]])


def volume(seed, slices=5):
    return np.random.default_rng(seed).integers(0, 900, (slices, 12, 10)).astype(np.float32)


def classic(folder, volumes, edit, matrix=MATRIX):
    """All volumes as one series of single-frame files; edit(data set, volume, slice)."""
    folder.mkdir(exist_ok=True)
    series, study = generate_uid(), generate_uid()
    for number, voxels in enumerate(volumes):
        part = folder / "part"
        lib.write_series(voxels, matrix[number] if isinstance(matrix, list) else matrix, part, seed=7)
        for path in part.iterdir():
            data = pydicom.dcmread(path)
            data.SeriesInstanceUID, data.StudyInstanceUID = series, study
            data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            edit(data, number, int(data.InstanceNumber) - 1)
            data.save_as(folder / f"{number}_{path.name}")
        shutil.rmtree(part)


def turned(degrees):
    angle = np.radians(degrees)
    rotation = np.eye(4)
    rotation[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return rotation @ MATRIX


def check(folder, volumes, labels):
    """As many usable volumes as given, with these labels and voxels."""
    found = lib.SeriesList(folder)
    infos = found.infos()
    assert [info.label.decode() for info in infos] == labels
    assert [(info.volume, info.volumes) for info in infos] == \
        [(n + 1, len(volumes)) for n in range(len(volumes))]
    assert len({info.uid for info in infos}) == 1
    for n, voxels in enumerate(volumes):
        assert infos[n].verdict == OK and infos[n].reason_id == b""
        assert infos[n].key == infos[n].uid + (b"#%d" % (n + 1) if len(volumes) > 1 else b"")
        assert np.array_equal(found.read(n)[0], voxels)
    return found


# ---- classic series ------------------------------------------------------------------------------

KINDS = {
    "echo times": (lambda d, v, s: setattr(d, "EchoTime", [20, 98][v]), ["echo 1, TE 20 ms", "echo 2, TE 98 ms"]),
    "echo numbers": (lambda d, v, s: setattr(d, "EchoNumbers", v + 1), ["echo 1", "echo 2"]),
    "temporal positions": (lambda d, v, s: setattr(d, "TemporalPositionIdentifier", v + 1), ["time 1", "time 2"]),
    "times of slices": (lambda d, v, s: setattr(d, "AcquisitionTime", f"1200{10 * v + s:02}.5"), ["time 1", "time 2"]),
    "b-values": (lambda d, v, s: d.add_new(0x00189087, "FD", [50.0, 800.0][v]), ["b 50", "b 800"]),
    "private b-values": (lambda d, v, s: d.private_block(0x19, "SIEMENS MR HEADER", create=True)
                         .add_new(0x0C, "IS", [0, 1000][v]), ["b 0", "b 1000"]),
    "image types": (lambda d, v, s: setattr(d, "ImageType", ["ORIGINAL", "PRIMARY", "MP"[v]]), ["type M", "type P"]),
    "acquisitions": (lambda d, v, s: setattr(d, "AcquisitionNumber", v + 1), ["acquisition 1", "acquisition 2"]),
    "inversion times": (lambda d, v, s: setattr(d, "InversionTime", [150, 2500][v]), ["TI 150 ms", "TI 2500 ms"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_classic_series_is_divided_by(tmp_path, kind):
    edit, labels = KINDS[kind]
    volumes = [volume(1), volume(2)]
    classic(tmp_path / "s", volumes, edit)
    check(tmp_path / "s", volumes, labels)


def test_values_that_differ_from_slice_to_slice_divide_nothing(tmp_path):
    def edit(data, _, slice_number):
        data.EchoTime = 80 + slice_number
        data.AcquisitionTime = f"1200{slice_number:02}"
        data.AcquisitionNumber = slice_number
    classic(tmp_path / "s", [volume(1)], edit)
    check(tmp_path / "s", [volume(1)], [""])


def test_diffusion_has_one_volume_for_each_value_and_direction(tmp_path):
    def edit(data, number, _):
        data.add_new(0x00189087, "FD", [0.0, 800.0, 800.0, 800.0][number])
        if number:
            data.DiffusionGradientOrientation = np.eye(3)[number - 1].tolist()
    volumes = [volume(n) for n in range(4)]
    classic(tmp_path / "s", volumes, edit)
    infos = lib.SeriesList(tmp_path / "s").infos()
    assert [i.label.decode() for i in infos] == ["b 0", "b 800, direction 2", "b 800, direction 3",
                                                 "b 800, direction 4"]


def test_stacks_in_different_planes_are_volumes(tmp_path):
    volumes = [volume(1), volume(2)]
    classic(tmp_path / "s", volumes, lambda d, v, s: None, [MATRIX, turned(20)])
    check(tmp_path / "s", volumes, ["stack 1", "stack 2"])


def test_stacks_side_by_side_are_volumes(tmp_path):
    aside = MATRIX.copy()
    aside[0, 3] += 200
    classic(tmp_path / "s", [volume(1), volume(2)], lambda d, v, s: None, [MATRIX, aside])
    check(tmp_path / "s", [volume(1), volume(2)], ["stack 1", "stack 2"])


def test_three_planes_at_right_angles_are_a_localizer(tmp_path):
    sagittal = np.array([[0, 0, 5, -10], [1.5, 0, 0, 0], [0, -1.25, 0, 0], [0, 0, 0, 1.0]])
    classic(tmp_path / "s", [volume(1), volume(2), volume(3)], lambda d, v, s: None,
            [MATRIX, turned(90), sagittal])
    info, = lib.SeriesList(tmp_path / "s").infos()
    assert (info.verdict, info.reason_id) == (REFUSED, b"mixed-orientation")


def test_a_slice_missing_from_one_echo_is_told_of_that_echo(tmp_path):
    classic(tmp_path / "s", [volume(1), volume(2)], KINDS["echo times"][0])
    gone, = [p for p in (tmp_path / "s").iterdir()
             if (d := pydicom.dcmread(p)).EchoTime == 98 and d.InstanceNumber == 3]
    gone.unlink()
    first, second = lib.SeriesList(tmp_path / "s").infos()
    assert first.verdict == OK
    assert (second.verdict, second.reason_id) == (REFUSED, b"missing-slice")


def test_a_choice_among_volumes_is_the_users(tmp_path):
    classic(tmp_path / "s", [volume(1), volume(2)], KINDS["echo times"][0])
    found = lib.SeriesList(tmp_path / "s")
    uid = found.info(0).uid.decode()
    for wish in ({}, {"uid": uid}):
        with pytest.raises(lib.Failure, match="2 volumes.*1 .echo 1, TE 20 ms.*2 .echo 2, TE 98 ms") as failure:
            found.choose(**wish)
        assert failure.value.status == 12
    assert found.choose(volume=2) == found.choose(uid, 2) == found.choose(uid + "#2") == 1
    with pytest.raises(lib.Failure, match="no volume 3; the series has 2"):
        found.choose(volume=3)
    for nonsense in ("#x", "#0", "#2x"):
        with pytest.raises(lib.Failure, match="number of a volume"):
            found.choose(uid + nonsense)


def test_one_slice_of_known_thickness_is_a_volume(tmp_path):
    lib.write_series(volume(1, slices=1), MATRIX, tmp_path / "s")
    found = lib.SeriesList(tmp_path / "s")
    voxels, geometry = found.read()
    assert np.array_equal(voxels, volume(1, slices=1)) and np.abs(geometry.matrix - MATRIX).max() < 1e-9


@pytest.mark.parametrize("signed", [0, 1])
def test_inverted_grey_values_are_turned(tmp_path, signed):
    values = np.arange(5 * 12 * 10).reshape(5, 12, 10) - 300 * signed

    def edit(data, _, number):
        data.PhotometricInterpretation, data.BitsStored, data.HighBit = "MONOCHROME1", 12, 11
        data.PixelRepresentation, data.RescaleSlope, data.RescaleIntercept = signed, 2, 10
        data.PixelData = (values[number] & 0xFFF).astype(np.uint16).tobytes()
    classic(tmp_path / "s", [volume(1)], edit)
    assert np.array_equal(lib.SeriesList(tmp_path / "s").read()[0],
                          2 * ((-1 if signed else 4095) - values) + 10)


def shift_third(distance):
    def edit(data, _, number):
        if number == 2:
            data.ImagePositionPatient = [*data.ImagePositionPatient[:2],
                                         float(data.ImagePositionPatient[2]) + distance]
    return edit


def test_uneven_distances_need_consent(tmp_path):
    classic(tmp_path / "s", [volume(1)], shift_third(1.2))
    info, = lib.SeriesList(tmp_path / "s").infos()
    assert (info.verdict, info.reason_id) == (REFUSED, b"uneven-spacing")
    found = lib.SeriesList(tmp_path / "s", allow_uneven=True)
    info = found.info()
    assert (info.verdict, info.reason_id) == (REGULARIZED, b"uneven-spacing")
    assert b"3.80 to 6.20 mm" in info.reason and b"1.20 mm beside" in info.reason
    voxels, geometry = found.read()
    assert np.array_equal(voxels, volume(1)) and np.abs(geometry.matrix - MATRIX).max() < 1e-9
    assert found.choose() == 0


def test_consent_has_limits(tmp_path):
    classic(tmp_path / "s", [volume(1)], shift_third(3.5))
    info, = lib.SeriesList(tmp_path / "s", allow_uneven=True).infos()
    assert (info.verdict, info.reason_id) == (REFUSED, b"uneven-spacing")


def test_a_tilted_gantry_is_refused_by_name(tmp_path):
    def edit(data, _, number):
        x, y, z = map(float, data.ImagePositionPatient)
        data.ImagePositionPatient = [x, y + 1.5 * number, z]
    classic(tmp_path / "s", [volume(1)], edit)
    info, = lib.SeriesList(tmp_path / "s").infos()
    assert (info.verdict, info.reason_id) == (REFUSED, b"gantry-tilt") and b"16.7 degrees" in info.reason


# ---- enhanced objects ------------------------------------------------------------------------------

ENHANCED = {
    "one volume": ([{}], [""]),
    "echoes": ([{"echo_ms": e, "repetition_ms": 2000} for e in (20, 98)], ["echo 1, TE 20 ms", "echo 2, TE 98 ms"]),
    "time points": ([{"temporal_position": n} for n in (1, 2, 3)], ["time 1", "time 2", "time 3"]),
    "b-values": ([{"diffusion": 1, "b_value": b} for b in (0, 50, 1000)], ["b 0", "b 50", "b 1000"]),
    "echoes at two times": ([{"temporal_position": t, "echo_ms": e} for e in (20, 80) for t in (1, 2)],
                            [f"echo {e}, TE {te} ms, time {t}" for e, te in ((1, 20), (2, 80)) for t in (1, 2)]),
}


@pytest.mark.parametrize("order", [lib.IN_ORDER, lib.REVERSED, lib.SHUFFLED])
@pytest.mark.parametrize("kind", ENHANCED)
def test_enhanced_frames_find_their_volume(tmp_path, kind, order):
    values, labels = ENHANCED[kind]
    volumes = [volume(n) * (1 if n % 2 else 0.25) for n in range(len(values))]
    lib.write_enhanced([(v, turned(33), value) for v, value in zip(volumes, values)], tmp_path / "s", order)
    found = lib.SeriesList(tmp_path / "s")
    assert [info.label.decode() for info in found.infos()] == labels
    for n, voxels in enumerate(volumes):
        back, geometry = found.read(n)
        assert np.abs(back - voxels).max() < 0.01  # fractions are stored in 16 bits
        assert np.abs(geometry.matrix - turned(33)).max() < 1e-6


@pytest.mark.parametrize("kind", ENHANCED)
def test_enhanced_objects_are_valid(tmp_path, kind):
    import subprocess
    values, _ = ENHANCED[kind]
    lib.write_enhanced([(volume(n), MATRIX, value) for n, value in enumerate(values)], tmp_path / "s", 2)
    result = subprocess.run(["dciodvfy", tmp_path / "s" / "IM0001.dcm"], capture_output=True, text=True)
    assert result.stderr.strip() == "EnhancedMRImage"


def test_stacks_of_one_object_are_volumes(tmp_path):
    lib.write_enhanced([(volume(1), MATRIX, {}), (volume(2), turned(90), {}), (volume(3), turned(45), {})],
                       tmp_path / "s", lib.SHUFFLED)
    check(tmp_path / "s", [volume(1), volume(2), volume(3)], ["stack 1", "stack 2", "stack 3"])


def edited(tmp_path, edit, values=({},)):
    lib.write_enhanced([(volume(n), MATRIX, v) for n, v in enumerate(values)], tmp_path / "s")
    path = tmp_path / "s" / "IM0001.dcm"
    data = pydicom.dcmread(path)
    edit(data)
    data.save_as(path)
    return lib.SeriesList(tmp_path / "s").info()


@pytest.mark.parametrize("change,reason", [
    (lambda d: delattr(d, "PerFrameFunctionalGroupsSequence"), b"missing-functional-groups"),
    (lambda d: [delattr(f, "PlanePositionSequence") for f in d.PerFrameFunctionalGroupsSequence],
     b"missing-functional-groups"),
    (lambda d: delattr(d.PerFrameFunctionalGroupsSequence[2], "PlanePositionSequence"), b"missing-position"),
    (lambda d: d.PerFrameFunctionalGroupsSequence.pop(), b"frame-count"),
    (lambda d: setattr(d, "NumberOfFrames", 4), b"frame-count"),
    (lambda d: setattr(d, "NumberOfFrames", 6), b"pixels-missing"),
    (lambda d: setattr(d, "NumberOfFrames", 2147483647), b"pixels-missing"),
    (lambda d: setattr(d, "NumberOfFrames", 0), b"frame-count"),
    (lambda d: setattr(d.PerFrameFunctionalGroupsSequence[1].PlaneOrientationSequence[0],
                       "ImageOrientationPatient", [1, 0, 0, 0, 0, 1]), b"mixed-orientation"),
    (lambda d: setattr(d.PerFrameFunctionalGroupsSequence[1].PixelValueTransformationSequence[0],
                       "RescaleSlope", 0), b"invalid-rescale"),
])
def test_a_faulty_object_is_refused(tmp_path, change, reason):
    info = edited(tmp_path, change)
    assert (info.verdict, info.reason_id) == (REFUSED, reason)
    assert len(info.reason) > 30


def test_a_copy_of_an_object_is_noticed(tmp_path):
    lib.write_enhanced([(volume(1), MATRIX, {})], tmp_path / "s")
    shutil.copy(tmp_path / "s/IM0001.dcm", tmp_path / "s/copy.dcm")
    assert lib.SeriesList(tmp_path / "s").info().reason_id == b"duplicate-instance"


def test_shared_groups_stand_for_those_that_frames_lack(tmp_path):
    def edit(data):
        shared = data.SharedFunctionalGroupsSequence[0]
        for name in ("PlaneOrientationSequence", "PixelMeasuresSequence", "PixelValueTransformationSequence"):
            setattr(shared, name, getattr(data.PerFrameFunctionalGroupsSequence[0], name))
            for frame in data.PerFrameFunctionalGroupsSequence:
                delattr(frame, name)
    assert edited(tmp_path, edit).verdict == OK
    assert np.array_equal(lib.SeriesList(tmp_path / "s").read()[0], volume(0))


def test_an_object_may_be_given_as_one_file(tmp_path):
    lib.write_enhanced([(volume(1), MATRIX, {})], tmp_path / "s")
    assert np.array_equal(lib.SeriesList(tmp_path / "s/IM0001.dcm").read()[0], volume(1))


def test_compressed_frames_are_read_in_any_order(tmp_path):
    lib.write_enhanced([(volume(1), MATRIX, {"echo_ms": 20}), (volume(2), MATRIX, {"echo_ms": 80})],
                       tmp_path / "s", lib.SHUFFLED)
    path = tmp_path / "s/IM0001.dcm"
    data = pydicom.dcmread(path)
    data.compress(pydicom.uid.RLELossless)
    data.save_as(path)
    check(tmp_path / "s", [volume(1), volume(2)], ["echo 1, TE 20 ms", "echo 2, TE 80 ms"])


def test_thousands_of_scattered_frames_are_judged_in_no_time(tmp_path):
    import time
    from pydicom.dataset import Dataset
    lib.write_enhanced([(volume(1), MATRIX, {})], tmp_path / "s")
    path = tmp_path / "s/IM0001.dcm"
    data = pydicom.dcmread(path)
    rng = np.random.default_rng(5)
    frames = []
    for _ in range(6000):  # every frame in a plane of its own, at a place of its own
        frame, plane, position = Dataset(), Dataset(), Dataset()
        axes = np.linalg.qr(rng.normal(size=(3, 3)))[0].round(6)
        plane.ImageOrientationPatient = [*axes[0], *axes[1]]
        position.ImagePositionPatient = rng.uniform(-100, 100, 3).round(3).tolist()
        frame.PlaneOrientationSequence, frame.PlanePositionSequence = [plane], [position]
        frame.PixelMeasuresSequence = data.PerFrameFunctionalGroupsSequence[0].PixelMeasuresSequence
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence = frames
    data.NumberOfFrames, data.Rows, data.Columns = len(frames), 1, 1
    data.PixelData = bytes(2 * len(frames))
    data.save_as(path)
    start = time.process_time()
    info, = lib.SeriesList(tmp_path / "s").infos()
    assert time.process_time() - start < 5
    assert info.verdict == REFUSED


@pytest.mark.parametrize("little", [True, False])
def test_frames_in_other_byte_orders(tmp_path, little):
    """Implicit little endian and explicit big endian, without preamble and file header."""
    from pydicom.filebase import DicomFileLike
    from pydicom.filewriter import write_dataset
    lib.write_enhanced([(volume(1), MATRIX, {})], tmp_path / "s", lib.REVERSED)
    path = tmp_path / "s/IM0001.dcm"
    data = pydicom.dcmread(path)
    if not little:
        data.PixelData = np.frombuffer(data.PixelData, "<u2").astype(">u2").tobytes()
    with open(path, "wb") as file:
        stream = DicomFileLike(file)
        stream.is_little_endian, stream.is_implicit_VR = little, little
        write_dataset(stream, data)
    check(tmp_path / "s", [volume(1)], [""])


@pytest.mark.parametrize("stored,signed", [(8, 0), (12, 1)])
def test_frames_of_other_depths_with_a_slope_of_their_own(tmp_path, stored, signed):
    values = np.arange(5 * 12 * 10).reshape(5, 12, 10) % 200 - 90 * signed
    lib.write_enhanced([(volume(1), MATRIX, {})], tmp_path / "s")
    path = tmp_path / "s/IM0001.dcm"
    data = pydicom.dcmread(path)
    data.BitsAllocated, data.BitsStored, data.HighBit = (8, 8, 7) if stored == 8 else (16, 12, 11)
    data.PixelRepresentation = signed
    data.PixelData = (values & ((1 << stored) - 1)).astype(np.uint8 if stored == 8 else np.uint16).tobytes()
    data["PixelData"].VR = "OB" if stored == 8 else "OW"
    for number, frame in enumerate(data.PerFrameFunctionalGroupsSequence):
        frame.PixelValueTransformationSequence[0].RescaleSlope = number + 1
        frame.PixelValueTransformationSequence[0].RescaleIntercept = -number
    data.save_as(path)
    factor = np.arange(5).reshape(5, 1, 1)
    assert np.array_equal(lib.SeriesList(tmp_path / "s").read()[0], values * (factor + 1) - factor)
