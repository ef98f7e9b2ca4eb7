"""Identifiers planted into a series, and where they are looked for (F17)."""

import gzip
import zipfile

import nibabel
import pydicom
from pydicom.uid import generate_uid

# What a series tells of a patient: keyword of DICOM and what is planted. None of these words occurs anywhere else.
ATTRIBUTES = {
    "PatientName": "Xyloquist^Wilhelmina",
    "PatientID": "PIDQ48151623",
    "OtherPatientIDs": "OPIDQ7731942",
    "PatientBirthDate": "19370717",
    "PatientBirthName": "Birthquorn^Ada",
    "PatientMotherBirthName": "Motherquill^Eve",
    "PatientAddress": "77 Quixotic Lane",
    "PatientTelephoneNumbers": "+49-555-0147-23",
    "PatientComments": "Commentary-Zebulon",
    "AdditionalPatientHistory": "History-Brindlewick",
    "AccessionNumber": "ACCQ90210",
    "StudyID": "SIDQ3141",
    "StudyDate": "20190923",
    "SeriesDate": "20190924",
    "AcquisitionDate": "20190925",
    "ReferringPhysicianName": "Referrofsky^Otto",
    "PerformingPhysicianName": "Performstein^Lea",
    "OperatorsName": "Operatorio^Gus",
    "RequestingPhysician": "Requestovich^Ivo",
    "InstitutionName": "Hospital Quarzheim",
    "InstitutionAddress": "Quarzheimer Ring 9",
    "StationName": "STATQ-MR7",
    "DeviceSerialNumber": "SERQ662607",
    "StudyDescription": "StudyOf-Xyloquist",
    "SeriesDescription": "Abdomen Xyloq-T2w",
    "ProtocolName": "ProtoXyloq-T2w",
    "ImageComments": "ImageXyloq-note",
}
PRIVATE = "PrivateXyloq-4711"
FOLDER, FILE = "Folderquist_Anna", "Filequist_19370717"
# A SEG belongs to the study and series of its source: PS3.3 A.51 wants its patient and study modules and its
# references. These stay in it by design; nothing else may.
SEG_KEEPS = {"PatientName", "PatientID", "PatientBirthDate", "OtherPatientIDs", "AccessionNumber", "StudyID", "StudyDate",
             "StudyDescription", "ReferringPhysicianName", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID",
             "FrameOfReferenceUID"}  # fmt: skip


def plant(source, target):
    """Copy a DICOM series with everything planted; {what: words}."""
    target.mkdir(parents=True)
    words = {key: [value] for key, value in ATTRIBUTES.items()}
    study, series, frame = (generate_uid() for _ in range(3))
    words |= {"StudyInstanceUID": [study], "SeriesInstanceUID": [series], "FrameOfReferenceUID": [frame],
              "SOPInstanceUID": [], "private tag": [PRIVATE], "name of a folder": [FOLDER],
              "name of a file": [FILE]}  # fmt: skip
    for number, path in enumerate(sorted(source.iterdir())):
        image = pydicom.dcmread(path)
        for key, value in ATTRIBUTES.items():
            setattr(image, key, value)
        image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = study, series, frame
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        words["SOPInstanceUID"].append(image.SOPInstanceUID)
        image.private_block(0x0011, "XYLOQ VENDOR", create=True).add_new(0x01, "LO", PRIVATE)
        image.save_as(target / f"{FILE}_{number:03d}.dcm")
    return words


def plant_nifti(source, target):
    image = nibabel.load(source)
    image.header["descrip"] = ATTRIBUTES["PatientName"].encode()
    image.header["db_name"] = ATTRIBUTES["PatientID"].encode()
    image.header["aux_file"] = FILE.encode()
    target.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(image, target)


def contents(path):
    """Bytes of a file and of what is packed in it."""
    data = path.read_bytes()
    yield data
    if data[:2] == b"\x1f\x8b":
        yield gzip.decompress(data)
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            yield from (file.read(name) for name in file.namelist())


def forms(word):
    """A word as it may be written: as it is, other case, without caret, UTF-16."""
    found = {word, word.lower(), word.upper(), word.replace("^", " "), word.replace("^", ", ")}
    if word.isdigit() and len(word) == 8:  # a date
        found |= {f"{word[:4]}-{word[4:6]}-{word[6:]}", f"{word[6:]}.{word[4:6]}.{word[:4]}"}
    if "^" in word:
        found |= set(word.split("^"))
    return {f.encode() for f in found if len(f) > 3} | {word.encode("utf-16-le")}


def search(paths, words, logs=()):
    """[(what, file)] of every planted word found in the names and contents of files and in texts."""
    found = []
    patterns = {what: set().union(*(forms(w) for w in some)) for what, some in words.items()}
    texts = [(name, text.encode()) for name, text in logs]
    for path in paths:
        texts.append((f"name of {path.name}", path.name.encode()))
        texts += [(path.name, data) for data in contents(path)]
    for name, data in texts:
        for what, some in patterns.items():
            if any(pattern in data for pattern in some):
                found.append((what, name))
    return found
