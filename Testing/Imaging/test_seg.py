"""DICOM SEG judged by dciodvfy, dcmqi, highdicom and pydicom."""
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys

import imaging_library as lib
import numpy as np
import pydicom
import pytest

SHA = "0123456789abcdef" * 4


def oblique():
    axes, _ = np.linalg.qr(np.array([[1.0, 0.2, -0.1], [-0.15, 0.9, 0.3], [0.2, -0.3, 0.95]]))
    axes[:, 2] = np.cross(axes[:, 0], axes[:, 1])
    matrix = np.eye(4)
    matrix[:3, :3] = axes * [1.5, 1.25, 6.0]
    matrix[:3, 3] = [-80.5, 20.25, 300.125]
    return matrix


@pytest.fixture
def source(tmp_path):
    """A series of seven slices and a mask that leaves the first and last slice empty."""
    rng = np.random.default_rng(1)
    voxels = rng.integers(0, 900, (7, 21, 25)).astype(np.float32)
    lib.write_series(voxels, oblique(), tmp_path / "series")
    found = lib.SeriesList(tmp_path / "series")
    _, geometry = found.read()
    mask = rng.random((7, 21, 25)) < 0.3
    mask[0] = mask[6] = False
    mask[3] = False
    return found, geometry, mask, tmp_path


def errors(path):
    result = subprocess.run(["dciodvfy", path], capture_output=True, text=True)
    assert result.stderr.strip().endswith("Segmentation"), result.stderr
    return [line for line in result.stderr.splitlines() if line.startswith("Error")]


def dcmqi_voxels(path, folder):
    """The segment's voxels and image as dcmqi sees them."""
    import SimpleITK
    program = pathlib.Path(sys.executable).parent / "segimage2itkimage"
    folder.mkdir()
    subprocess.run([program, "--inputDICOM", path, "--outputDirectory", folder, "-t", "nrrd"],
                   check=True, capture_output=True)
    image = SimpleITK.ReadImage(str(folder / "1.nrrd"))
    return SimpleITK.GetArrayFromImage(image), image


def check_read_back(path, found, geometry, mask, folder, index=0):
    voxels, image = dcmqi_voxels(path, folder / "dcmqi")
    assert voxels.shape == mask.shape
    assert np.array_equal(voxels > 0, mask)
    for corner in np.ndindex(2, 2, 2):
        at = [int(c * (n - 1)) for c, n in zip(corner, image.GetSize())]
        ours = (geometry.matrix @ [*at, 1])[:3]
        assert np.abs(ours - image.TransformIndexToPhysicalPoint(at)).max() < 1e-3

    import highdicom
    seg = highdicom.seg.segread(str(path))
    frames = seg.get_volume(combine_segments=True)
    matrix = frames.affine  # highdicom's axes: slice, row, column
    size = np.array(frames.array.shape)
    assert np.array_equal(np.sort(size), np.sort(mask.shape))
    # Compare by place in space: highdicom is free to stack the slices the other way.
    indices = np.argwhere(frames.array > 0)
    places = (matrix @ np.c_[indices, np.ones(len(indices))].T)[:3].T
    ours = np.linalg.inv(geometry.matrix) @ np.c_[places, np.ones(len(places))].T
    ours = ours[:3].T
    assert np.abs(ours - np.rint(ours)).max() < 1e-3
    seen = np.zeros(mask.shape, dtype=bool)
    seen[tuple(np.rint(ours).astype(int)[:, ::-1].T)] = True
    assert np.array_equal(seen, mask)


def test_a_segmentation_is_valid_and_read_back_by_others(source):
    found, geometry, mask, folder = source
    path = folder / "segmentation.dcm"
    found.write_seg(mask, geometry, path)
    assert errors(path) == []
    assert path.read_bytes()[:128] == bytes(128)
    check_read_back(path, found, geometry, mask, folder)
    assert sorted(p.name for p in folder.iterdir() if p.is_file()) == ["segmentation.dcm"]


@pytest.mark.parametrize("name", ["ProstateX-0000/t2_tse_tra", "ProstateX-0000/t2_tse_cor",
                                  "ProstateX-0000/t2_tse_sag", "ProstateX-0000/ep2d_diff_adc",
                                  "ProstateX-0218/t2_tse_tra_320_p2"])
def test_segmentations_of_real_series(shared, tmp_path, name):
    found = lib.SeriesList(shared / "prostatex-dicom" / name)
    voxels, geometry = found.read()
    mask = voxels > np.percentile(voxels, 90)
    found.write_seg(mask, geometry, tmp_path / "seg.dcm", structure="prostate")
    assert errors(tmp_path / "seg.dcm") == []
    check_read_back(tmp_path / "seg.dcm", found, geometry, mask, tmp_path)


def test_a_corrected_segmentation_names_its_predecessor(source):
    found, geometry, mask, folder = source
    found.write_seg(mask, geometry, folder / "first.dcm")
    first = pydicom.dcmread(folder / "first.dcm")
    corrected = mask.copy()
    corrected[2, 3:6, 4:9] ^= True
    found.write_seg(corrected, geometry, folder / "second.dcm", edited=1,
                    predecessor=(first.SOPInstanceUID, first.SeriesInstanceUID))
    second = pydicom.dcmread(folder / "second.dcm")
    assert errors(folder / "second.dcm") == []
    assert second.SOPInstanceUID != first.SOPInstanceUID
    assert second.SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
    source_image, = second.SourceImageSequence
    assert source_image.ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert source_image.ReferencedSOPClassUID == first.SOPClassUID
    assert [s.SeriesInstanceUID for s in second.ReferencedSeriesSequence][1:] == [first.SeriesInstanceUID]
    check_read_back(folder / "second.dcm", found, geometry, corrected, folder)


def test_a_segmentation_is_read_back_as_it_was_written(source):
    found, geometry, mask, folder = source
    found.write_seg(mask, geometry, folder / "seg.dcm", structure="prostate", name="net", version="7", edited=1)
    voxels, content = lib.read_seg(folder / "seg.dcm", geometry)
    assert np.array_equal(voxels > 0, mask)
    assert (content.structure, content.model_name, content.model_version) == (b"prostate", b"net", b"7")
    assert content.model_sha256.decode() == SHA and content.edited == 1
    assert content.instance_uid.decode() == pydicom.dcmread(folder / "seg.dcm").SOPInstanceUID
    assert content.source_series_uid == found.info().uid


def test_what_is_no_segmentation_for_this_grid_is_refused(source):
    found, geometry, mask, folder = source
    found.write_seg(mask, geometry, folder / "seg.dcm")
    moved = lib.Geometry.from_buffer_copy(geometry)
    moved.ijk_to_lps[2][3] += 1.0
    tilted = lib.Geometry.from_buffer_copy(geometry)
    tilted.ijk_to_lps[0][0] *= 1.01
    image = next((folder / "series").iterdir())
    (folder / "text.dcm").write_text("no DICOM at all")
    data = (folder / "seg.dcm").read_bytes()
    (folder / "short.dcm").write_bytes(data[:len(data) - 400])
    for path, grid, word in [("seg.dcm", moved, "another grid"), ("seg.dcm", tilted, "another grid"),
                             (image, geometry, "no DICOM segmentation"), ("text.dcm", geometry, "not a DICOM"),
                             ("short.dcm", geometry, ""), ("absent.dcm", geometry, "")]:
        with pytest.raises(lib.Failure) as failure:
            lib.read_seg(folder / path, grid)
        assert failure.value.status == lib.BAD_INPUT and word in str(failure.value)


@pytest.mark.parametrize("structure,code,meaning", [("liver", "10200004", "Liver"),
                                                    ("prostate", "41216001", "Prostate")])
def test_codes_references_and_provenance(source, structure, code, meaning):
    found, geometry, mask, folder = source
    found.write_seg(mask, geometry, folder / "a.dcm", structure=structure, name="liver-t2", version="1.2")
    seg = pydicom.dcmread(folder / "a.dcm")
    first = [pydicom.dcmread(p) for p in (folder / "series").iterdir()]
    assert seg.SegmentationType == "BINARY" and seg.Modality == "SEG"
    segment, = seg.SegmentSequence
    category, = segment.SegmentedPropertyCategoryCodeSequence
    assert (category.CodeValue, category.CodingSchemeDesignator, category.CodeMeaning) == (
        "123037004", "SCT", "Anatomical Structure")
    kind, = segment.SegmentedPropertyTypeCodeSequence
    assert (kind.CodeValue, kind.CodingSchemeDesignator, kind.CodeMeaning) == (code, "SCT", meaning)
    assert segment.SegmentAlgorithmType == "AUTOMATIC" and segment.SegmentAlgorithmName == "liver-t2"
    algorithm, = segment.SegmentationAlgorithmIdentificationSequence
    assert algorithm.AlgorithmName == "liver-t2" and algorithm.AlgorithmVersion == "1.2"
    assert algorithm.AlgorithmFamilyCodeSequence[0].CodeValue == "123110"
    assert len(segment.RecommendedDisplayCIELabValue) == 3
    equipment, = seg.ContributingEquipmentSequence
    assert equipment.PurposeOfReferenceCodeSequence[0].CodeValue == "109102"
    assert equipment.ManufacturerModelName == "liver-t2"
    assert equipment.DeviceSerialNumber == SHA and SHA in equipment.ContributionDescription
    assert any("FrugalSeg" in version for version in equipment.SoftwareVersions)
    assert seg.StudyInstanceUID == first[0].StudyInstanceUID
    assert seg.FrameOfReferenceUID == first[0].FrameOfReferenceUID
    assert seg.PatientID == first[0].PatientID
    references, = seg.ReferencedSeriesSequence
    assert references.SeriesInstanceUID == first[0].SeriesInstanceUID
    assert ({i.ReferencedSOPInstanceUID for i in references.ReferencedInstanceSequence}
            == {d.SOPInstanceUID for d in first})
    for frame in seg.PerFrameFunctionalGroupsSequence:
        image, = frame.DerivationImageSequence[0].SourceImageSequence
        assert image.PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
        place = frame.PlanePositionSequence[0].ImagePositionPatient
        match, = [d for d in first if d.SOPInstanceUID == image.ReferencedSOPInstanceUID]
        assert np.allclose(place, match.ImagePositionPatient, atol=1e-6)
    assert seg.ContentLabel and "RESEARCH" in seg.SeriesDescription
    for uid in (seg.SOPInstanceUID, seg.SeriesInstanceUID):
        assert uid.startswith("2.25.") and len(uid) <= 64


def test_the_colour_is_that_of_slicers_list(source):
    """Liver in Slicer's DICOM terminology: RGB 221, 130, 101."""
    found, geometry, mask, folder = source
    found.write_seg(mask, geometry, folder / "a.dcm")
    stored = pydicom.dcmread(folder / "a.dcm").SegmentSequence[0].RecommendedDisplayCIELabValue
    lightness, a, b = stored[0] / 65535 * 100, stored[1] / 65535 * 255 - 128, stored[2] / 65535 * 255 - 128
    y = (lightness + 16) / 116
    xyz = [w * (t ** 3 if t > 6 / 29 else 3 * (6 / 29) ** 2 * (t - 4 / 29))
           for w, t in zip((0.950456, 1.0, 1.088754), (y + a / 500, y, y - b / 200))]
    linear = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]) @ xyz
    rgb = np.where(linear > 0.0031308, 1.055 * np.clip(linear, 0, 1) ** (1 / 2.4) - 0.055, 12.92 * linear)
    assert np.abs(rgb * 255 - [221, 130, 101]).max() < 2


def test_an_edited_segmentation_says_so(source):
    found, geometry, mask, folder = source
    found.write_seg(mask, geometry, folder / "a.dcm", edited=1)
    assert pydicom.dcmread(folder / "a.dcm").SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
    assert errors(folder / "a.dcm") == []


def test_a_lossy_source_is_recorded(source):
    _, geometry, mask, folder = source
    for path in (folder / "series").iterdir():
        data = pydicom.dcmread(path)
        data.LossyImageCompression = "01"
        data.LossyImageCompressionRatio, data.LossyImageCompressionMethod = 10, "ISO_10918_1"
        data.save_as(path)
    lib.SeriesList(folder / "series").write_seg(mask, geometry, folder / "a.dcm")
    seg = pydicom.dcmread(folder / "a.dcm")
    assert (seg.LossyImageCompression, seg.LossyImageCompressionRatio) == ("01", 10)
    assert errors(folder / "a.dcm") == []


def test_every_segmentation_is_a_new_instance(source):
    found, geometry, mask, folder = source
    found.write_seg(mask, geometry, folder / "a.dcm")
    found.write_seg(mask, geometry, folder / "b.dcm")
    a, b = pydicom.dcmread(folder / "a.dcm"), pydicom.dcmread(folder / "b.dcm")
    assert a.SOPInstanceUID != b.SOPInstanceUID and a.SeriesInstanceUID != b.SeriesInstanceUID


DEFECTS = {
    "empty character set": ("SpecificCharacterSet", ""),
    "malformed birth date": ("PatientBirthDate", "1.4.1960"),
    "malformed study date": ("StudyDate", "yesterday"),
    "malformed study time": ("StudyTime", "noon"),
    "wrong sex": ("PatientSex", "unknown to us, maybe female"),
    "malformed age": ("PatientAge", "63"),
    "overlong study id": ("StudyID", "an identifier of more than sixteen characters"),
    "overlong description": ("StudyDescription", "x" * 100),
    "overlong accession number": ("AccessionNumber", "1" * 40),
    "name with too many parts": ("PatientName", "A^B^C^D^E^F^G"),
    "no frame of reference": ("FrameOfReferenceUID", None),
    "no patient name": ("PatientName", None),
    "no patient id": ("PatientID", None),
    "no study id": ("StudyID", None),
    "japanese name": ("PatientName", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
}


@pytest.mark.parametrize("defect", DEFECTS)
@pytest.mark.filterwarnings("ignore")
def test_dirty_sources_still_give_valid_segmentations(source, defect):
    _, geometry, mask, folder = source
    keyword, value = DEFECTS[defect]
    for path in (folder / "series").iterdir():
        data = pydicom.dcmread(path)
        if value is None:
            delattr(data, keyword)
        else:
            setattr(data, keyword, value)
        data.save_as(path)
    found = lib.SeriesList(folder / "series")
    found.write_seg(mask, geometry, folder / "seg.dcm")
    assert errors(folder / "seg.dcm") == []
    if defect == "japanese name":
        assert str(pydicom.dcmread(folder / "seg.dcm").PatientName) == value


def test_unknown_structures_are_refused(source):
    found, geometry, mask, folder = source
    for structure in ("tumour", "Liver", ""):
        with pytest.raises(lib.Failure) as failure:
            found.write_seg(mask, geometry, folder / "seg.dcm", structure=structure)
        assert failure.value.status == lib.UNSUPPORTED
    assert not (folder / "seg.dcm").exists()


def test_empty_and_foreign_masks_are_refused(source):
    found, geometry, mask, folder = source
    with pytest.raises(lib.Failure, match="empty") as failure:
        found.write_seg(np.zeros_like(mask), geometry, folder / "seg.dcm")
    assert failure.value.status == lib.BAD_INPUT
    moved = lib.Geometry.from_buffer_copy(geometry)
    moved.ijk_to_lps[0][3] += 1
    with pytest.raises(lib.Failure, match="grid"):
        found.write_seg(mask, moved, folder / "seg.dcm")
    with pytest.raises(lib.Failure):
        found.write_seg(mask, geometry, folder / "seg.dcm", sha256="12")
    assert not (folder / "seg.dcm").exists()


def test_nothing_remains_where_nothing_can_be_written(source):
    found, geometry, mask, folder = source
    with pytest.raises(lib.Failure, match="does not exist"):
        found.write_seg(mask, geometry, folder / "none" / "seg.dcm")
    (folder / "out").mkdir()
    (folder / "out" / "seg.dcm").write_text("an earlier file")
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(lib.Failure, match="disk (is|or quota is) full"):
            found.write_seg(mask, geometry, folder / "out" / "seg.dcm")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert os.listdir(folder / "out") == ["seg.dcm"]
    assert (folder / "out" / "seg.dcm").read_text() == "an earlier file"
