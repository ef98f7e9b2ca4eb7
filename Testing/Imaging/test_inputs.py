"""Where series come from: media, archives, files without preamble, all syntaxes; and what must not get in."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import textwrap
import zipfile

import imaging_library as lib
import numpy as np
import pydicom
import pytest
from pydicom.fileset import FileSet

OK, AMBIGUOUS, REFUSED, REGULARIZED = range(4)
MATRIX = np.array([[1.5, 0, 0, -20], [0, 1.25, 0, 10], [0, 0, 5, -30], [0, 0, 0, 1.0]])
VOXELS = np.random.default_rng(1).integers(0, 900, (5, 12, 10)).astype(np.float32)


@pytest.fixture
def series(tmp_path):
    lib.write_series(VOXELS, MATRIX, tmp_path / "series")
    return tmp_path / "series"


@pytest.fixture
def medium(tmp_path, series):
    """A folder with DICOMDIR, as on a disc."""
    files = FileSet()
    for path in series.iterdir():
        files.add(path)
    files.write(tmp_path / "disc")
    return tmp_path / "disc"


def leftovers():
    return [p for p in pathlib.Path(tempfile.gettempdir()).iterdir() if p.name.startswith("frugalseg-zip-")]


def check(path):
    found = lib.SeriesList(path)
    assert len(found) == 1 and found.info().verdict == OK
    voxels, geometry = found.read()
    assert np.array_equal(voxels, VOXELS) and np.abs(geometry.matrix - MATRIX).max() < 1e-9


# ---- DICOMDIR ----------------------------------------------------------------------------------------

def test_a_dicomdir_is_the_list_of_its_files(medium):
    check(medium / "DICOMDIR")


def test_a_dicomdir_in_a_folder_does_no_harm(medium):
    check(medium)


def test_small_letters_of_a_copied_medium_are_found(medium):
    for path in sorted(medium.rglob("*"), key=lambda p: -len(p.parts)):
        if path.name != "DICOMDIR":
            path.rename(path.with_name(path.name.lower()))
    check(medium / "DICOMDIR")


def test_a_file_that_the_dicomdir_lists_and_that_is_gone_is_noticed(medium):
    """Without the list nobody could tell: the last slice leaves no gap."""
    images = [p for p in medium.rglob("*") if p.is_file() and p.name != "DICOMDIR"]
    last = max(images, key=lambda p: pydicom.dcmread(p).InstanceNumber)
    last.unlink()
    for path in (medium, medium / "DICOMDIR"):
        info = lib.SeriesList(path).info()
        assert (info.verdict, info.reason_id) == (REFUSED, b"missing-file")
        assert last.name.encode() in info.reason


@pytest.mark.parametrize("name", [["..", "secret.dcm"], ["", "etc", "x"], ["a/../../secret.dcm"]])
def test_a_dicomdir_does_not_lead_out_of_its_folder(medium, series, name):
    shutil.copy(next(series.iterdir()), medium.parent / "secret.dcm")
    content = pydicom.dcmread(medium / "DICOMDIR")
    for record in content.DirectoryRecordSequence:
        if record.DirectoryRecordType == "IMAGE":
            record.ReferencedFileID = name
    content.save_as(medium / "DICOMDIR")
    with pytest.raises(lib.Failure, match="lists no image that is there"):
        lib.SeriesList(medium / "DICOMDIR")


def test_links_on_a_medium_do_not_lead_out_either(medium, tmp_path):
    victim = next(p for p in medium.rglob("*") if p.is_file() and p.name != "DICOMDIR")
    shutil.move(victim, tmp_path / "outside.dcm")
    victim.symlink_to(tmp_path / "outside.dcm")
    assert lib.SeriesList(medium / "DICOMDIR").info().reason_id == b"missing-file"


def test_a_damaged_dicomdir_is_named(medium):
    (medium / "DICOMDIR").write_bytes((medium / "DICOMDIR").read_bytes()[:500])
    with pytest.raises(lib.Failure, match="give the folder"):
        lib.SeriesList(medium / "DICOMDIR")
    check(medium)  # the files are there all the same


# ---- archives ------------------------------------------------------------------------------------------

def zipped(series, path, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("study/readme.txt", "no image")
        for file in series.iterdir():
            archive.write(file, f"study/{file.name}")
    return path


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_an_archive_is_read_and_leaves_nothing(series, tmp_path, compression):
    before = leftovers()
    check(zipped(series, tmp_path / "study.zip", compression))
    assert leftovers() == before


def test_the_unpacked_folder_is_private(series, tmp_path):
    before = leftovers()
    found = lib.SeriesList(zipped(series, tmp_path / "study.zip"))
    folder, = set(leftovers()) - set(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(f.stat().st_mode & 0o077 == 0 for f in folder.iterdir())
    del found


def test_what_a_killed_program_left_is_removed_by_the_next(series, tmp_path):
    path = zipped(series, tmp_path / "study.zip")
    program = textwrap.dedent(f"""
        import os, sys
        sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
        import imaging_library as lib
        found = lib.SeriesList({str(path)!r})
        print("ready", flush=True)
        os.kill(os.getpid(), 9)""")
    before = leftovers()
    subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert len(leftovers()) == len(before) + 1
    other = lib.SeriesList(path)
    assert len(leftovers()) == len(before) + 1  # its own only
    assert other.info().verdict == OK
    del other
    assert leftovers() == before


def test_names_in_an_archive_write_nowhere(series, tmp_path):
    path = tmp_path / "slip.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number, file in enumerate(series.iterdir()):
            archive.write(file, f"../../../../tmp/frugalseg-slip-{number}.dcm")
    check(path)
    assert not list(pathlib.Path("/tmp").glob("frugalseg-slip-*"))


def test_a_bomb_is_refused_and_leaves_nothing(series, tmp_path):
    """Entries that share their bytes expand further than DEFLATE can."""
    import struct
    import zlib
    big = bytes(128) + b"DICM" + bytes(50_000_000)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packer.compress(big) + packer.flush()
    crc = zlib.crc32(big)
    name = b"a"
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0, crc, len(data), len(big), 1, 0) + name + data
    central = b"".join(
        struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 0, crc, len(data), len(big), 1, 0, 0, 0,
                    0, 0, 0) + name for _ in range(40))
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 40, 40, len(central), len(local), 0)
    path = tmp_path / "bomb.zip"
    path.write_bytes(local + central + end)
    before = leftovers()
    with pytest.raises(lib.Failure, match="more than a study|damaged"):
        lib.SeriesList(path)
    assert leftovers() == before


@pytest.mark.parametrize("cut", [10, 200, 2000, -10, -60])
def test_a_truncated_archive_is_named(series, tmp_path, cut):
    path = zipped(series, tmp_path / "study.zip")
    path.write_bytes(path.read_bytes()[:cut])
    before = leftovers()
    with pytest.raises(lib.Failure, match="archive"):
        lib.SeriesList(path)
    assert leftovers() == before


def test_an_encrypted_archive_is_named(series, tmp_path):
    path = zipped(series, tmp_path / "study.zip", zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    at = 0
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = 0
        while (at := content.find(mark, at)) >= 0:
            content[at + offset] |= 1
            at += 4
    path.write_bytes(content)
    with pytest.raises(lib.Failure, match="encrypted"):
        lib.SeriesList(path)


def test_an_archive_without_images_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("readme.txt", "no image")
    with pytest.raises(lib.Failure, match="holds no DICOM"):
        lib.SeriesList(tmp_path / "x.zip")


def test_another_kind_of_file_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("no image at all")
    with pytest.raises(lib.Failure, match="no DICOM file, DICOMDIR or ZIP"):
        lib.SeriesList(tmp_path / "notes.txt")


# ---- forms of files --------------------------------------------------------------------------------------

def rewrite(series, write):
    for path in series.iterdir():
        write(path, pydicom.dcmread(path))


def test_files_without_preamble_are_read(series):
    rewrite(series, lambda path, data: path.write_bytes(path.read_bytes()[132:]))
    check(series)


def test_big_endian_files_without_any_header_are_read(series):
    def write(path, data):
        from pydicom.filebase import DicomFileLike
        from pydicom.filewriter import write_dataset
        import numpy
        data.PixelData = numpy.frombuffer(data.PixelData, "<u2").astype(">u2").tobytes()
        with open(path, "wb") as file:
            stream = DicomFileLike(file)
            stream.is_little_endian, stream.is_implicit_VR = False, False
            write_dataset(stream, data)
    rewrite(series, write)
    check(series)


def test_deflated_files_are_read(series):
    def write(path, data):
        data.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
        data.save_as(path)
    rewrite(series, write)
    check(series)


@pytest.mark.parametrize("uid", ["JPEG2000Lossless", "JPEG2000", "HTJ2KLossless", "MPEG2MPML"])
def test_what_cannot_be_decoded_is_refused_by_name(series, uid):
    syntax = getattr(pydicom.uid, uid)

    def write(path, data):
        from pydicom.encaps import encapsulate
        data.file_meta.TransferSyntaxUID = syntax
        data.PixelData = encapsulate([b"\0" * 100])
        data["PixelData"].is_undefined_length = True
        data.save_as(path)
    rewrite(series, write)
    info = lib.SeriesList(series).info()
    assert (info.verdict, info.reason_id) == (REFUSED, b"unsupported-compression")


def test_a_huge_header_is_refused_before_it_is_parsed(series):
    """An element costs many times its bytes in memory: 48 MB of the smallest ones would take gigabytes."""
    import resource
    path = sorted(series.iterdir())[0]
    content = path.read_bytes()
    item = b"\xfe\xff\x00\xe0" + (0).to_bytes(4, "little")
    filler = item * (48 * 1024 * 1024 // 8)
    groups = b"\x00\x52\x30\x92SQ\0\0" + len(filler).to_bytes(4, "little") + filler
    at = content.index(b"\xe0\x7f\x10\x00OW")
    path.write_bytes(content[:at] + groups + content[at:])
    info = lib.SeriesList(series).info()
    assert (info.verdict, info.reason_id) == (REFUSED, b"header-too-large")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1 << 20  # KiB
