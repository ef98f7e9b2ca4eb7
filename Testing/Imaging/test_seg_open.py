"""DICOM SEG files of our own and of other programs (dcmqi, highdicom) are opened, or refused in one sentence."""
import json
import pathlib
import subprocess
import sys

import highdicom
import imaging_library as lib
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless
from test_seg import errors, oblique

ZONES = [("prostate-peripheral-zone", 3), ("prostate-transition-zone", 7)]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A series, its geometry, a label map of two structures, and the data sets in the order of the volume."""
    folder = tmp_path_factory.mktemp("source")
    rng = np.random.default_rng(2)
    lib.write_series(rng.integers(0, 900, (6, 19, 23)).astype(np.float32), oblique(), folder / "series")
    found = lib.SeriesList(folder / "series")
    _, geometry = found.read()
    labels = rng.integers(0, 3, (6, 19, 23)).astype(np.uint8)
    labels[0] = labels[4] = 0
    normal = geometry.matrix[:3, 2]
    slices = sorted((pydicom.dcmread(p) for p in (folder / "series").iterdir()),
                    key=lambda d: np.dot(normal, np.array(d.ImagePositionPatient, float)))
    return found, geometry, labels, slices


def described(number, label="Liver", kind=codes.SCT.Liver):
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name="net", version="1", family=codes.cid7162.ArtificialIntelligence)
    return highdicom.seg.SegmentDescription(
        number, label, codes.SCT.AnatomicalStructure, kind, "AUTOMATIC", algorithm)


def by_highdicom(source, path, pixels, segments=None, kind="BINARY", **options):
    seg = highdicom.seg.Segmentation(
        source[3], pixels, kind, segments or [described(1), described(2, "Spleen", codes.SCT.Spleen)],
        highdicom.UID(), 1, highdicom.UID(), 1, "Somebody", "Something", "1", "1", **options)
    seg.save_as(path)
    return seg


def one_file(source, path):
    """A SEG of one structure (label 1), as a data set to be changed."""
    found, geometry, labels, _ = source
    found.write_seg(labels == 1, geometry, path)
    return pydicom.dcmread(path)


def refused(path, geometry, *words, **options):
    with pytest.raises(lib.Failure) as failure:
        lib.SegFile(path).read(geometry, **options)
    assert failure.value.status == lib.BAD_INPUT, str(failure.value)
    for word in words:
        assert word in str(failure.value)


@pytest.mark.parametrize("labelmap", [False, True])
def test_several_structures_in_one_file(source, tmp_path, labelmap):
    found, geometry, labels, _ = source
    mask = np.array([0, 3, 7], np.uint8)[labels]
    path = tmp_path / "zones.dcm"
    found.write_seg(mask, geometry, path, segments=ZONES, labelmap=labelmap)
    file = lib.SegFile(path)
    assert [s.structure.decode() for s in file.segments] == [name for name, _ in ZONES]
    assert file.content.type == (b"LABELMAP" if labelmap else b"BINARY") and file.content.ours == 1
    assert np.array_equal(file.read_labels(geometry), labels)
    for i in range(2):
        assert np.array_equal(file.read(geometry, i), labels == i + 1)
    # Debian's dciodvfy is older than label maps: two complaints, the same for every program's.
    unknown = ["Error - SegmentNumber not monotonically", "Error - Information Object Not found"]
    complaints = [l for l in subprocess.run(["dciodvfy", path], capture_output=True, text=True).stderr.splitlines()
                  if l.startswith("Error")]
    assert len(complaints) == (2 if labelmap else 0) and all(
        complaint.startswith(start) for complaint, start in zip(complaints, unknown))
    seen = highdicom.seg.segread(str(path)).get_volume(combine_segments=True)
    seen = seen.array if np.allclose(seen.affine[:3, 3], geometry.matrix[:3, 3]) else seen.array[::-1]
    assert np.array_equal(seen, labels)
    seg = pydicom.dcmread(path)
    coded = [s.SegmentedPropertyTypeCodeSequence[0].CodeValue for s in seg.SegmentSequence]
    assert coded[-2:] == ["279706003", "399384005"]
    assert len({i.ReferencedSOPInstanceUID for i in seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence}) == 6


def test_a_structure_without_voxels_is_left_out_and_a_value_without_a_name_refused(source, tmp_path):
    found, geometry, labels, _ = source
    mask = np.where(labels == 2, 7, 0).astype(np.uint8)
    found.write_seg(mask, geometry, tmp_path / "a.dcm", segments=ZONES)
    segment, = lib.SegFile(tmp_path / "a.dcm").segments
    assert segment.structure == b"prostate-transition-zone" and segment.number == 1
    with pytest.raises(lib.Failure, match="value 1") as failure:
        found.write_seg(labels, geometry, tmp_path / "b.dcm", segments=[ZONES[0], ("liver", 2)])
    assert failure.value.status == lib.BAD_INPUT
    for segments in ([("liver", 1), ("liver", 2)], [("liver", 1), ("spleen", 1)], [("liver", 0)]):
        with pytest.raises(lib.Failure):
            found.write_seg(labels, geometry, tmp_path / "b.dcm", segments=segments)
    assert not (tmp_path / "b.dcm").exists()


def test_sides_are_coded(source, tmp_path):
    found, geometry, labels, _ = source
    found.write_seg(labels, geometry, tmp_path / "k.dcm", segments=[("kidney-right", 1), ("kidney-left", 2)])
    assert errors(tmp_path / "k.dcm") == []
    sides = [s.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning
             if "SegmentedPropertyTypeModifierCodeSequence" in s.SegmentedPropertyTypeCodeSequence[0]
             else s.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning
             for s in pydicom.dcmread(tmp_path / "k.dcm").SegmentSequence]
    assert sides == ["Right", "Left"]
    assert [s.structure for s in lib.SegFile(tmp_path / "k.dcm").segments] == [b"kidney-right", b"kidney-left"]


def test_the_table_of_structures_agrees_with_the_standard():
    """pydicom's copy of the standard's codes is the judge; names are unique, and so are codes with their side."""
    from pydicom.sr._concepts_dict import concepts
    from pydicom.sr._snomed_dict import mapping
    known = {}
    for entry in concepts["SCT"].values():
        for value, description in entry.items():
            known.setdefault(value, set()).add(description[0] if isinstance(description, tuple) else description)
    table = lib.structures()
    assert len({s.name for s in table}) == len(table) >= 12
    assert len({(s.type.value, s.side.value) for s in table}) == len(table)
    for s in table:
        assert s.type.meaning.decode() in known[s.type.value.decode()], s.name
        assert (s.category.value, s.type.scheme) == (b"123037004", b"SCT")
        assert mapping["SCT"][s.type.value.decode()] == s.retired.decode()
        if s.side.value:
            assert s.side.meaning.decode() in known[s.side.value.decode()]


def test_binary_of_highdicom(source, tmp_path):
    _, geometry, labels, _ = source
    by_highdicom(source, tmp_path / "h.dcm", labels)
    file = lib.SegFile(tmp_path / "h.dcm")
    assert [s.structure for s in file.segments] == [b"liver", b"spleen"]
    assert file.content.ours == 0 and file.content.model_name == b"" and file.content.frame_count < 12
    assert np.array_equal(file.read_labels(geometry), labels)
    assert np.array_equal(file.read(geometry, 1), labels == 2)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless])
def test_label_map_of_highdicom(source, tmp_path, syntax):
    _, geometry, labels, _ = source
    by_highdicom(source, tmp_path / "h.dcm", labels, kind="LABELMAP", transfer_syntax_uid=syntax)
    file = lib.SegFile(tmp_path / "h.dcm")
    assert [s.number for s in file.segments] == [1, 2]
    assert np.array_equal(file.read_labels(geometry), labels)


def test_probabilities_need_a_threshold(source, tmp_path):
    _, geometry, labels, _ = source
    chance = np.random.default_rng(3).random(labels.shape)
    by_highdicom(source, tmp_path / "f.dcm", chance, [described(1)], "FRACTIONAL", max_fractional_value=200)
    refused(tmp_path / "f.dcm", geometry, "FRACTIONAL", "threshold")
    stored = np.around(chance * 200) / 200
    assert np.array_equal(lib.SegFile(tmp_path / "f.dcm").read(geometry, threshold=0.5), stored >= 0.5)


def test_files_of_dcmqi(source, tmp_path):
    import SimpleITK
    found, geometry, labels, slices = source
    spacing = np.linalg.norm(geometry.matrix[:3, :3], axis=0)
    image = SimpleITK.GetImageFromArray(labels)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(geometry.matrix[:3, 3].tolist())
    image.SetDirection((geometry.matrix[:3, :3] / spacing).ravel().tolist())
    SimpleITK.WriteImage(image, str(tmp_path / "labels.nrrd"))
    segments = [{"labelID": i, "SegmentDescription": name, "SegmentAlgorithmType": "MANUAL",
                 "SegmentedPropertyCategoryCodeSequence":
                     {"CodeValue": "123037004", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Anatomical Structure"},
                 "SegmentedPropertyTypeCodeSequence":
                     {"CodeValue": code, "CodingSchemeDesignator": scheme, "CodeMeaning": name}}
                for i, name, scheme, code in [(1, "Liver", "SRT", "T-62000"), (2, "Left toe", "99TOE", "1")]]
    (tmp_path / "meta.json").write_text(json.dumps({
        "ContentCreatorName": "Reader1", "ClinicalTrialSeriesID": "1", "ClinicalTrialTimePointID": "1",
        "SeriesDescription": "Segmentation", "SeriesNumber": "300", "InstanceNumber": "1",
        "segmentAttributes": [segments]}))
    program = pathlib.Path(sys.executable).parent / "itkimage2segimage"
    subprocess.run([program, "--inputDICOMDirectory", pathlib.Path(slices[0].filename).parent,
                    "--inputImageList", tmp_path / "labels.nrrd", "--inputMetadata", tmp_path / "meta.json",
                    "--outputDICOM", tmp_path / "q.dcm"], check=True, capture_output=True)
    file = lib.SegFile(tmp_path / "q.dcm")
    assert [s.structure for s in file.segments] == [b"liver", b""]  # the old code of the liver; one that we do not know
    assert file.segments[1].code_meaning == b"Left toe" and file.content.edited == 1
    assert file.content.source_series_uid == found.info().uid and file.content.creator == b"Reader1"
    assert np.array_equal(file.read_labels(geometry), labels)


def test_frames_are_placed_by_their_geometry_alone(source, tmp_path):
    """Rows upside down, columns right to left, frames shuffled, rows and columns exchanged: the same mask."""
    found, geometry, labels, _ = source
    seg = one_file(source, tmp_path / "a.dcm")
    plane = labels[0].size
    bits = np.unpackbits(np.frombuffer(seg.PixelData, np.uint8), bitorder="little")
    frames = bits[:6 * plane].reshape(labels.shape)
    matrix = geometry.matrix
    right, down = matrix[:3, 0], matrix[:3, 1]

    def unit(vector):
        return vector / np.linalg.norm(vector)

    def save(name, pixels, directions, shift, order, spacing):
        copy = pydicom.dcmread(tmp_path / "a.dcm")
        packed = np.packbits(pixels[order].ravel(), bitorder="little")
        copy.PixelData = packed.tobytes() + b"\0" * (len(packed) % 2)
        copy.Rows, copy.Columns = pixels.shape[1:]
        shared = copy.SharedFunctionalGroupsSequence[0]
        shared.PlaneOrientationSequence[0].ImageOrientationPatient = [f"{x:.12f}" for x in np.concatenate(directions)]
        shared.PixelMeasuresSequence[0].PixelSpacing = spacing
        for item in copy.PerFrameFunctionalGroupsSequence:
            place = np.array(item.PlanePositionSequence[0].ImagePositionPatient, float) + shift
            item.PlanePositionSequence[0].ImagePositionPatient = [f"{x:.10f}" for x in place]
        copy.PerFrameFunctionalGroupsSequence = pydicom.Sequence([copy.PerFrameFunctionalGroupsSequence[i] for i in order])
        copy.save_as(tmp_path / name)
        return lib.SegFile(tmp_path / name).read(geometry)

    height, width = labels.shape[1:]
    same, spacing = list(range(6)), [np.linalg.norm(down), np.linalg.norm(right)]
    spacing = [f"{x:.10f}" for x in spacing]
    truth = labels == 1
    assert np.array_equal(save("b.dcm", frames[:, ::-1], (unit(right), -unit(down)), (height - 1) * down, same, spacing),
                          truth)
    assert np.array_equal(save("c.dcm", frames[:, :, ::-1], (-unit(right), unit(down)), (width - 1) * right, same,
                               spacing), truth)
    assert np.array_equal(save("d.dcm", frames, (unit(right), unit(down)), 0, [3, 0, 5, 1, 2, 4], spacing), truth)
    assert np.array_equal(save("e.dcm", frames.transpose(0, 2, 1), (unit(down), unit(right)), 0, same, spacing[::-1]),
                          truth)


@pytest.mark.parametrize("name", ["half a pixel aside", "half a slice up", "a third of a slice up", "pixels of another size", "turned",
                                  "out of the image"])
def test_a_foreign_grid_is_refused_in_one_sentence(source, tmp_path, name):
    found, geometry, labels, _ = source
    one_file(source, tmp_path / "a.dcm")
    grid = lib.Geometry.from_buffer_copy(geometry)
    matrix = geometry.matrix
    if name == "turned":
        angle = np.deg2rad(1)
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        matrix[:3, :3] = turn @ matrix[:3, :3]
    elif name == "pixels of another size":
        matrix[:3, 1] *= 1.02
    else:
        axis, steps = {"half a pixel aside": (0, 0.5), "half a slice up": (2, 0.5),
                       "a third of a slice up": (2, 1 / 3), "out of the image": (0, 12)}[name]
        matrix[:3, 3] += steps * matrix[:3, axis]
    for row in range(4):
        grid.ijk_to_lps[row][:] = matrix[row]
    refused(tmp_path / "a.dcm", grid, "another grid")


def test_segments_that_overlap_open_one_at_a_time(source, tmp_path):
    _, geometry, labels, _ = source
    both = np.stack([labels > 0, labels == 2], axis=-1).astype(np.uint8)
    by_highdicom(source, tmp_path / "o.dcm", both)
    file = lib.SegFile(tmp_path / "o.dcm")
    with pytest.raises(lib.Failure, match="overlap"):
        file.read_labels(geometry)
    assert np.array_equal(file.read(geometry, 0), labels > 0) and np.array_equal(file.read(geometry, 1), labels == 2)
    with pytest.raises(lib.Failure, match="1 Liver, 2 Spleen") as failure:
        lib.read_seg(tmp_path / "o.dcm", geometry)
    assert failure.value.status == lib.AMBIGUOUS


def change(seg, path, **values):
    for keyword, value in values.items():
        setattr(seg, keyword, value)
    seg.save_as(path)


@pytest.mark.filterwarnings("ignore")
def test_sizes_are_compared_with_the_file_before_anything_is_decoded(source, tmp_path):
    _, geometry, _, _ = source
    for i, values in enumerate([{"NumberOfFrames": 2000000000}, {"NumberOfFrames": 5}, {"NumberOfFrames": 0},
                                {"Rows": 65000, "Columns": 65000}, {"Rows": 0}, {"BitsAllocated": 16},
                                {"SegmentationType": "SOMETHING"}, {"SegmentSequence": []},
                                {"PerFrameFunctionalGroupsSequence": []}]):
        path = tmp_path / f"{i}.dcm"
        change(one_file(source, tmp_path / "a.dcm"), path, **values)
        with pytest.raises(lib.Failure) as failure:
            lib.SegFile(path)
        assert failure.value.status == lib.BAD_INPUT


def test_compression_that_cannot_be_read_is_named(source, tmp_path):
    _, geometry, labels, _ = source
    seg = one_file(source, tmp_path / "a.dcm")
    seg.PixelData = pydicom.encaps.encapsulate([b"\xff\x4f" + bytes(60)] * 6)
    seg.file_meta.TransferSyntaxUID = JPEG2000Lossless
    seg.save_as(tmp_path / "j.dcm")
    refused(tmp_path / "j.dcm", geometry, "JPEG 2000")


def test_deflated_files_are_refused_by_name(source, tmp_path):
    """All of such a file would be inflated before a size could be looked at."""
    seg = one_file(source, tmp_path / "a.dcm")
    seg.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    seg.save_as(tmp_path / "z.dcm")
    with pytest.raises(lib.Failure, match="deflated") as failure:
        lib.SegFile(tmp_path / "z.dcm")
    assert failure.value.status == lib.BAD_INPUT
