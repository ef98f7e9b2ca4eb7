"""Series with one malformed attribute each: what is done to the files, and what must become of the SEG."""
import dataclasses
import warnings
from typing import Callable

import numpy as np
import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

LONG = "x" * 80
MATRIX = np.array([[1.5, 0.1, 0, -30], [-0.1, 1.5, 0, 10], [0, 0, 6, 40], [0, 0, 0, 1.0]])


@dataclasses.dataclass
class Kind:
    name: str
    edit: Callable  # (data set, index of the file)
    exported: bool  # else refused
    word: str = ""  # attribute of the note, or word of the refusal; "": nothing needs to be said


def value(keyword, text, vr=None):
    """The bytes as they are, whatever pydicom thinks of them; text of the wrong kind included."""
    tag = Tag(keyword)
    vr = vr or pydicom.datadict.dictionary_VR(tag)
    raw = text if isinstance(text, bytes) else text.encode()
    raw += b" " * (len(raw) % 2)

    def edit(data, _):
        data[tag] = RawDataElement(tag, vr, len(raw), raw, 0, False, True)
    return edit


def removed(keyword):
    def edit(data, _):
        if keyword in data:
            delattr(data, keyword)
    return edit


def in_one(edit):
    """Only in the second file of the series."""
    return lambda data, i: edit(data, i) if i == 1 else None


def sequence(keyword, **values):
    def edit(data, _):
        item = pydicom.Dataset()
        for key, text in values.items():
            value(key, text)(item, 0)
        setattr(data, keyword, pydicom.Sequence([item]))
    return edit


def private(data, _):
    data.add_new(0x00190010, "LO", "SOMEBODY")
    value(0x00191001, "no number at all", "DS")(data, 0)


def both(*edits):
    def edit(data, i):
        for one in edits:
            one(data, i)
    return edit


KINDS = [
    Kind("character set: empty", value("SpecificCharacterSet", ""), True),
    Kind("character set: missing, name in Latin letters", both(
        removed("SpecificCharacterSet"), value("PatientName", "M@ller")), True, "PatientName"),
    Kind("character set: unknown", value("SpecificCharacterSet", "ISO_IR 999"), True, "SpecificCharacterSet"),
    Kind("name: seven parts", value("PatientName", "A^B^C^D^E^F^G"), True, "PatientName"),
    Kind("name: too long", value("PatientName", LONG), True, "PatientName"),
    Kind("name: control characters", value("PatientName", "A\nB"), True, "PatientName"),
    Kind("name: missing", removed("PatientName"), True),
    Kind("patient's ID: missing", removed("PatientID"), True),
    Kind("patient's ID: too long", value("PatientID", LONG), True, "PatientID"),
    Kind("patient's ID: two values", value("PatientID", "1\\2"), True, "PatientID"),
    Kind("patient's ID: another one in one file", in_one(value("PatientID", "OTHER")), False, "PatientID"),
    Kind("issuer of the ID: too long", value("IssuerOfPatientID", LONG), True, "IssuerOfPatientID"),
    Kind("birth date: with points", value("PatientBirthDate", "1960.04.01"), True, "PatientBirthDate"),
    Kind("birth date: month 13", value("PatientBirthDate", "19601301"), True, "PatientBirthDate"),
    Kind("birth date: words", value("PatientBirthDate", "unknown"), True, "PatientBirthDate"),
    Kind("birth date: bytes", value("PatientBirthDate", b"\x01\x02\x03\x04", "OB"), True, "PatientBirthDate"),
    Kind("birth date: another one in one file", in_one(value("PatientBirthDate", "19990101")), False,
         "PatientBirthDate"),
    Kind("sex: a word", value("PatientSex", "Female"), True, "PatientSex"),
    Kind("sex: unknown code", value("PatientSex", "XX"), True, "PatientSex"),
    Kind("age: number alone", value("PatientAge", "63"), True, "PatientAge"),
    Kind("age: without zero", value("PatientAge", "63Y"), True, "PatientAge"),
    Kind("study UID: missing", removed("StudyInstanceUID"), False, "StudyInstanceUID"),
    Kind("study UID: letters", value("StudyInstanceUID", "1.2.abc"), False, "StudyInstanceUID"),
    Kind("study UID: leading zero", value("StudyInstanceUID", "1.2.03.4"), False, "StudyInstanceUID"),
    Kind("study UID: too long", value("StudyInstanceUID", "1.2." + "3" * 70), False, "StudyInstanceUID"),
    Kind("study date: with hyphens", value("StudyDate", "2020-01-31"), True, "StudyDate"),
    Kind("study date: words", value("StudyDate", "yesterday"), True, "StudyDate"),
    Kind("study time: with colons", value("StudyTime", "12:30:00"), True, "StudyTime"),
    Kind("study time: words", value("StudyTime", "noon"), True, "StudyTime"),
    Kind("study time: nine decimals", value("StudyTime", "123000.123456789"), True, "StudyTime"),
    Kind("study ID: too long", value("StudyID", LONG), True, "StudyID"),
    Kind("accession number: too long", value("AccessionNumber", LONG), True, "AccessionNumber"),
    Kind("accession number: two values", value("AccessionNumber", "1\\2"), True, "AccessionNumber"),
    Kind("study description: too long", value("StudyDescription", LONG), True, "StudyDescription"),
    Kind("study description: several lines", value("StudyDescription", "a\r\nb"), True, "StudyDescription"),
    Kind("study description: backslash", value("StudyDescription", "a\\b"), True, "StudyDescription"),
    Kind("referring physician: too long", value("ReferringPhysicianName", LONG), True, "ReferringPhysicianName"),
    Kind("instance UID: missing", removed("SOPInstanceUID"), False, "SOPInstanceUID"),
    Kind("instance UID: letters", value("SOPInstanceUID", "1.2.x"), False, "SOPInstanceUID"),
    Kind("instance UID: the same in two files", lambda data, i: value("SOPInstanceUID", "1.2.3.4")(data, i)
         if i < 2 else None, False, "SOPInstanceUID"),
    Kind("series UID: letters", value("SeriesInstanceUID", "1.2.x"), False, "SeriesInstanceUID"),
    Kind("class UID: unknown", value("SOPClassUID", "1.2.840.10008.5.1.4.1.1.999"), False, "objects"),
    Kind("frame of reference: missing", removed("FrameOfReferenceUID"), True, "FrameOfReferenceUID"),
    Kind("frame of reference: letters", value("FrameOfReferenceUID", "here"), True, "FrameOfReferenceUID"),
    Kind("position reference: too long", value("PositionReferenceIndicator", LONG), True,
         "PositionReferenceIndicator"),
    Kind("lossy compression: yes, no more", value("LossyImageCompression", "01"), True, "LossyImageCompression"),
    Kind("lossy compression: one digit", value("LossyImageCompression", "0"), True, "LossyImageCompression"),
    Kind("lossy compression: ratio with comma", both(
        value("LossyImageCompression", "01"), value("LossyImageCompressionRatio", "10,5"),
        value("LossyImageCompressionMethod", "ISO_10918_1")), True, "LossyImageCompressionRatio"),
    Kind("identity removed: not how", value("PatientIdentityRemoved", "YES"), True),
    Kind("identity removed: a word", value("PatientIdentityRemoved", "maybe"), True, "PatientIdentityRemoved"),
    Kind("laterality: unknown", value("Laterality", "X"), True),
    Kind("procedure code: empty item", sequence("ProcedureCodeSequence"), True),
    Kind("procedure code: too long", sequence("ProcedureCodeSequence", CodeValue=LONG, CodeMeaning=LONG), True),
    Kind("referenced study: no UID", sequence("ReferencedStudySequence", ReferencedSOPClassUID="none"), True),
    Kind("request attributes: empty item", sequence("RequestAttributesSequence"), True),
    Kind("contributing equipment: empty item", sequence("ContributingEquipmentSequence"), True),
    Kind("manufacturer: too long", value("Manufacturer", LONG), True),
    Kind("instance number: words", value("InstanceNumber", "first"), True),
    Kind("window: words", value("WindowCenter", "wide"), True),
    Kind("weight: words", value("PatientWeight", "heavy"), True),
    Kind("body part: lower case", value("BodyPartExamined", "abdomen?"), True),
    Kind("private attribute: wrong type", private, True),
    Kind("pixel spacing: zero", value("PixelSpacing", "0\\0"), False, "pixels"),
    Kind("position: words", in_one(value("ImagePositionPatient", "here\\and\\there")), False, "position"),
    Kind("orientation: three numbers", value("ImageOrientationPatient", "1\\0\\0"), False, "orientation"),
]


def make(kind, folder, lib):
    """Write the series of the kind; its files in the order of their names."""
    folder.mkdir(parents=True, exist_ok=True)
    voxels = np.random.default_rng(5).integers(0, 900, (3, 12, 14)).astype(np.float32)
    lib.write_series(voxels, MATRIX, folder / "series")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i, path in enumerate(sorted((folder / "series").iterdir())):
            data = pydicom.dcmread(path)
            data.SpecificCharacterSet = data.get("SpecificCharacterSet", "ISO_IR 100")
            kind.edit(data, i)
            data.save_as(path, enforce_file_format=False)
            # pydicom writes no byte that its own character set lacks.
            path.write_bytes(path.read_bytes().replace(b"M@ller", b"M\xfcller"))


def check(kind, folder, lib, judges):
    """(what went otherwise than it must, or "", whether a SEG was written)"""
    folder.mkdir(parents=True, exist_ok=True)
    make(kind, folder, lib)
    path = folder / "seg.dcm"
    try:
        found = lib.SeriesList(folder / "series")
        _, geometry = found.read()
        mask = np.zeros(geometry.shape, np.uint8)
        mask[:, 3:9, 4:11] = 1
        report = found.write_seg(mask, geometry, path)
    except lib.Failure as failure:
        if path.exists():
            return "refused, but a file was written", False
        if kind.exported:
            return f"refused: {failure}", False
        named = kind.word.lower() in str(failure).lower()
        return "" if named else f"refused without its name: {failure}", False
    errors = judges.dciodvfy(path)
    if errors:
        return f"not valid: {errors[0]}", True
    if not kind.exported:
        return "exported, though it had to be refused", True
    if not np.array_equal(lib.SegFile(path).read(geometry), mask):
        return "other voxels", True
    if kind.word and kind.word not in report.notes:
        return f"nothing was said about {kind.word}", True
    if not kind.word and report.notes:
        return f"something was said: {report.notes}", True
    return "", True
