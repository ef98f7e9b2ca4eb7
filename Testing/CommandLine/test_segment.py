"""frugalseg segment: results, reports, bad input, interruption."""
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import time

import nibabel
import numpy as np
import pydicom
import pytest
from conftest import CARD, PROGRAM, SOURCE, bright_ball, entries, make_model, run, write_image

DICOM_RESULTS = ["mask.nii.gz", "report.json", "segmentation.dcm"]


def segment(model, image, out, *more, **options):
    return run("segment", "--model", model, "--in", image, "--out", out, *more, **options)


def test_a_nifti_image_gives_a_mask_on_its_own_grid(model, image, tmp_path):
    result = segment(model, image, tmp_path / "out")
    assert result.code == 0, result.err
    assert entries(tmp_path / "out") == ["mask.nii.gz", "report.json"]
    source, mask = nibabel.load(image), nibabel.load(tmp_path / "out" / "mask.nii.gz")
    assert mask.shape == source.shape
    assert np.allclose(mask.affine, source.affine, atol=1e-4)
    assert set(np.unique(np.asarray(mask.dataobj))) <= {0, 1}
    assert "Research use only" in result.out


def test_the_report_says_what_was_done(model, image, tmp_path):
    result = segment(model, image, tmp_path / "out", "--json", "--threads", 1)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert set(report) == {"program", "notice", "model", "input", "verdict", "result", "seconds",
                           "memory_bytes", "processor", "warnings", "source_notes", "outputs"}
    assert report["model"] == {"name": "test-liver", "version": "0.0", "structure": "liver",
                               "sha256": hashlib.sha256(model.read_bytes()).hexdigest()}
    assert report["input"]["kind"] == "file"
    assert len(report["input"]["id_sha256"]) == 64
    assert report["input"]["size"] == [60, 56, 10]
    assert report["verdict"] == "ok"
    assert set(report["seconds"]) == {"read", "prepare", "network", "restore", "write", "total"}
    assert report["processor"]["threads"] == 1
    assert report["memory_bytes"]["peak"] > report["memory_bytes"]["network"] > 0
    mask = np.asarray(nibabel.load(tmp_path / "out" / "mask.nii.gz").dataobj)
    assert report["result"]["volume_ml"] == pytest.approx(mask.sum() * 3 * 3 * 7 / 1000, rel=1e-6)
    assert result.json["result"] == report["result"]


def test_the_hash_of_the_input_needs_the_salt_of_this_installation(model, phantom, tmp_path):
    uid = pydicom.dcmread(next((phantom / "dicom").iterdir())).SeriesInstanceUID
    home = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "mine")}
    other = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "theirs")}

    def identity(environment):
        result = segment(model, phantom / "dicom", tmp_path / "out", "--json", env=environment)
        return result.json["input"]["id_sha256"]

    first = identity(home)
    salt = (tmp_path / "mine/frugalseg/salt").read_text()
    assert (tmp_path / "mine/frugalseg/salt").stat().st_mode & 0o077 == 0
    assert first == hashlib.sha256(f"{salt}\0{uid}".encode()).hexdigest() == identity(home)
    assert first not in (identity(other), hashlib.sha256(uid.encode()).hexdigest())


def test_without_a_place_for_the_salt_the_hash_holds_for_one_run(model, image, tmp_path):
    (tmp_path / "file").write_text("")
    nowhere = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "file"), "HOME": str(tmp_path / "file")}
    found = {segment(model, image, tmp_path / "out", "--json", env=nowhere).json["input"]["id_sha256"]
             for _ in range(2)}
    assert len(found) == 2


def test_a_run_killed_while_its_results_move_into_place_is_completed_by_the_next(model, phantom, tmp_path):
    out = tmp_path / "out"
    assert segment(model, phantom / "dicom", out).code == 0
    before = {name: (out / name).read_bytes() for name in entries(out)}
    staging = out / ".frugalseg-abc123"  # as a killed process leaves it: one result has been moved
    staging.mkdir()
    (staging / "report.json").write_text("{}")
    (staging / "commit").write_text("mask.nii.gz\nreport.json\n../escape\n-segmentation.dcm\n")
    other = out / ".frugalseg-def456"  # and one that had not decided yet
    other.mkdir()
    (other / "mask.nii.gz").write_text("half")
    user = out / ".frugalseg-user"  # no name that we give
    user.mkdir()
    assert run("segment", "--model", model, "--in", tmp_path / "absent", "--out", out).code == 3
    assert entries(out) == sorted([*before, staging.name, other.name, user.name])
    assert segment(model, phantom / "image.nii.gz", out).code == 0
    assert entries(out) == sorted(["mask.nii.gz", "report.json", user.name])


def test_a_dicom_series_gives_the_mask_of_the_same_image_as_nifti(model, phantom, tmp_path):
    result = segment(model, phantom / "dicom", tmp_path / "dicom")
    assert result.code == 0, result.err
    assert entries(tmp_path / "dicom") == DICOM_RESULTS
    assert segment(model, phantom / "image.nii.gz", tmp_path / "nifti").code == 0
    masks = [np.asarray(nibabel.load(tmp_path / kind / "mask.nii.gz").dataobj)
             for kind in ("dicom", "nifti")]
    assert masks[0].sum() > 0 and np.array_equal(*masks)
    seg = pydicom.dcmread(tmp_path / "dicom" / "segmentation.dcm")
    assert seg.Modality == "SEG" and seg.SegmentationType == "BINARY"
    assert seg.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeValue == "10200004"


def test_the_report_holds_no_identifiers(model, phantom, tmp_path):
    folder = tmp_path / "private-place"
    shutil.copytree(phantom / "dicom", folder)
    planted = ["Doe^Jane", "ID4711", "19770707", "20240506", "private-place", str(tmp_path)]
    uids = set()
    for path in folder.rglob("*"):
        dataset = pydicom.dcmread(path)
        dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = planted[:3]
        dataset.StudyDate = planted[3]
        uids |= {dataset.SeriesInstanceUID, dataset.StudyInstanceUID, dataset.SOPInstanceUID}
        dataset.save_as(path)
    assert segment(model, folder, tmp_path / "out").code == 0
    text = (tmp_path / "out" / "report.json").read_text()
    for word in [*planted, *uids]:
        assert word not in text, word
    unsalted = hashlib.sha256(pydicom.dcmread(path).SeriesInstanceUID.encode()).hexdigest()
    assert unsalted not in text, "whoever has the UID could recognize it"


def test_a_truth_gives_the_agreement(model, phantom, tmp_path):
    result = segment(model, phantom / "dicom", tmp_path / "out", "--truth",
                     phantom / "truth.nii.gz", "--truth-label", "1", "--json")
    assert result.code == 0, result.err
    mask = np.asarray(nibabel.load(tmp_path / "out" / "mask.nii.gz").dataobj) > 0
    truth = np.asarray(nibabel.load(phantom / "truth.nii.gz").dataobj) == 1
    dice = 2 * (mask & truth).sum() / (mask.sum() + truth.sum())
    assert result.json["agreement"]["dice"] == pytest.approx(dice, abs=1e-9)
    assert result.json["agreement"]["truth_ml"] > 0


def test_the_shipped_model_finds_the_liver_of_a_phantom(tmp_path):
    if not (SOURCE / "Resources" / "Models" / "liver-t2.fseg").is_file():
        pytest.skip("the model liver-t2 is not in Resources/Models")
    assert run("synth", "--out", tmp_path / "p", "--seed", 1).code == 0
    result = segment("liver-t2", tmp_path / "p" / "dicom", tmp_path / "out", "--truth",
                     tmp_path / "p" / "truth.nii.gz", "--json")
    assert result.code == 0, result.err
    assert result.json["agreement"]["dice"] > 0.85


def test_results_of_an_earlier_run_are_replaced(model, phantom, image, tmp_path):
    assert segment(model, phantom / "dicom", tmp_path).code == 0
    before = (tmp_path / "report.json").read_text()
    (tmp_path / "notes.txt").write_text("mine")
    assert segment(model, image, tmp_path).code == 0
    assert (tmp_path / "report.json").read_text() != before
    assert entries(tmp_path) == ["mask.nii.gz", "notes.txt", "report.json"], \
        "the SEG of the other image is gone, the user's file is not"


def test_a_model_without_a_coded_structure_gives_no_seg(phantom, tmp_path):
    make_model(tmp_path / "m.fseg", dict(CARD, structure="tumour"))
    result = segment(tmp_path / "m.fseg", phantom / "dicom", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    assert entries(tmp_path / "out") == ["mask.nii.gz", "report.json"]
    assert any("no DICOM code" in w for w in result.json["warnings"])


# ---- bad input: one sentence, the right exit code, nothing left behind ----


def fails(result, out, code, *words):
    assert result.failed(code, *words)
    assert not out.exists(), "nothing half-written remains"


def test_an_empty_folder(model, tmp_path):
    (tmp_path / "empty").mkdir()
    fails(segment(model, tmp_path / "empty", tmp_path / "out"), tmp_path / "out", 3, "DICOM")


def test_a_folder_without_dicom(model, tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "letter.txt").write_text("Dear Sir or Madam, " * 100)
    fails(segment(model, tmp_path / "texts", tmp_path / "out"), tmp_path / "out", 3, "DICOM")


def test_an_absent_input(model, tmp_path):
    fails(segment(model, tmp_path / "absent", tmp_path / "out"), tmp_path / "out", 3, "exist")


def test_a_truncated_dicom_file(model, phantom, tmp_path):
    shutil.copytree(phantom / "dicom", tmp_path / "dicom")
    victim = sorted((tmp_path / "dicom").rglob("*"))[4]
    victim.write_bytes(victim.read_bytes()[:-3000])
    result = segment(model, tmp_path / "dicom", tmp_path / "out")
    assert result.code in (3, 4)
    fails(result, tmp_path / "out", result.code)


def test_a_truncated_nifti_file(model, image, tmp_path):
    (tmp_path / "cut.nii.gz").write_bytes(image.read_bytes()[:-5000])
    fails(segment(model, tmp_path / "cut.nii.gz", tmp_path / "out"), tmp_path / "out", 3)


@pytest.fixture
def two_series(phantom, tmp_path):
    shutil.copytree(phantom / "dicom", tmp_path / "two" / "a")
    assert run("synth", "--out", tmp_path / "b", "--seed", 6, "--size", 64, "--slices", 8).code == 0
    shutil.move(tmp_path / "b" / "dicom", tmp_path / "two" / "b")
    return tmp_path / "two"


def test_two_series_need_a_choice(model, two_series, tmp_path):
    fails(segment(model, two_series, tmp_path / "out"), tmp_path / "out", 4)
    result = segment(model, two_series, tmp_path / "out", "--json")
    assert result.json["error"]["status"] == "ambiguous"
    for series in run("info", two_series, "--json").json["series"]:
        chosen = segment(model, two_series, tmp_path / series["uid"], "--series", series["uid"])
        assert chosen.code == 0, chosen.err
        mask = nibabel.load(tmp_path / series["uid"] / "mask.nii.gz")
        assert list(mask.shape[:2]) == series["matrix"]


def test_a_series_that_is_not_there(model, two_series, tmp_path):
    result = segment(model, two_series, tmp_path / "out", "--series", "1.2.3")
    assert result.code in (3, 4)
    fails(result, tmp_path / "out", result.code, "1.2.3")


def test_a_missing_slice_is_refused(model, phantom, tmp_path):
    shutil.copytree(phantom / "dicom", tmp_path / "gap")
    files = sorted((tmp_path / "gap").rglob("*"), key=lambda f: float(
        pydicom.dcmread(f).ImagePositionPatient[2]))
    files[5].unlink()
    fails(segment(model, tmp_path / "gap", tmp_path / "out"), tmp_path / "out", 4, "missing")


def test_nan_voxels(model, tmp_path):
    voxels, _ = bright_ball()
    voxels[30, 30, 5] = np.nan
    write_image(tmp_path / "nan.nii.gz", voxels)
    fails(segment(model, tmp_path / "nan.nii.gz", tmp_path / "out"), tmp_path / "out", 3)


def test_a_constant_image(model, tmp_path):
    write_image(tmp_path / "flat.nii.gz", np.full((40, 40, 6), 7, np.float32))
    fails(segment(model, tmp_path / "flat.nii.gz", tmp_path / "out"), tmp_path / "out", 3)


def test_ct_for_an_mr_model_is_a_warning(model, phantom, tmp_path):
    shutil.copytree(phantom / "dicom", tmp_path / "ct")
    for path in (tmp_path / "ct").rglob("*"):
        dataset = pydicom.dcmread(path)
        dataset.Modality = "CT"
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = \
            pydicom.uid.CTImageStorage
        dataset.save_as(path)
    result = segment(model, tmp_path / "ct", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    assert any("CT" in w and "MR" in w for w in result.json["warnings"]), result.json["warnings"]
    assert "warning" in result.err


@pytest.mark.parametrize("content, words", [
    (b"", "no header"), (b"A text that is no model at all", "not a FrugalSeg model"),
    (b"PK\x03\x04" + bytes(100), "not a FrugalSeg model")])
def test_a_foreign_model(content, words, image, tmp_path):
    (tmp_path / "foreign.fseg").write_bytes(content)
    fails(segment(tmp_path / "foreign.fseg", image, tmp_path / "out"), tmp_path / "out", 3, words)


def test_an_absent_or_short_model(model, image, tmp_path):
    fails(segment(tmp_path / "absent.fseg", image, tmp_path / "out"), tmp_path / "out", 3)
    (tmp_path / "short.fseg").write_bytes(model.read_bytes()[:-10])
    fails(segment(tmp_path / "short.fseg", image, tmp_path / "out"), tmp_path / "out", 3, "ends")


def test_a_model_whose_slices_do_not_fit_its_network(image, tmp_path):
    make_model(tmp_path / "m.fseg", dict(CARD, context_slices=5), in_channels=3)
    fails(segment(tmp_path / "m.fseg", image, tmp_path / "out"), tmp_path / "out", 3, "card")


def test_a_series_choice_for_a_file_is_a_usage_error(model, image, tmp_path):
    fails(segment(model, image, tmp_path / "out", "--series", "1.2"), tmp_path / "out", 2)


def test_a_truth_of_another_grid(model, image, phantom, tmp_path):
    result = segment(model, image, tmp_path / "out", "--truth", phantom / "truth.nii.gz")
    assert result.code in (2, 3)
    fails(result, tmp_path / "out", result.code)


@pytest.mark.parametrize("limit", [0, 400, 2000])
def test_a_full_disk(limit, model, phantom, tmp_path):
    def full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    result = segment(model, phantom / "dicom", tmp_path / "out", preexec_fn=full)
    fails(result, tmp_path / "out", 3, "full")


def test_a_full_disk_keeps_the_results_of_an_earlier_run(model, phantom, tmp_path):
    assert segment(model, phantom / "dicom", tmp_path / "out").code == 0
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}

    def full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))
    assert segment(model, phantom / "dicom", tmp_path / "out", preexec_fn=full).failed(3)
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == before


def test_no_write_permission(model, image, nobody):
    folder, user = nobody
    for path in (model, image):
        for part in (path, *path.parents):
            if str(part).startswith("/tmp/"):
                part.chmod(part.stat().st_mode | (0o055 if part.is_dir() else 0o044))
    assert segment(model, image, folder / "out", **user).failed(3, "may not be written")
    assert segment(model, image, folder, **user).failed(3, "may not be written")
    assert entries(folder) == []


def test_an_output_that_is_a_file(model, image, tmp_path):
    (tmp_path / "out").write_text("mine")
    assert segment(model, image, tmp_path / "out").failed(3, "in the way")
    assert (tmp_path / "out").read_text() == "mine"


def test_an_interruption_leaves_nothing(tmp_path):
    """A large image on the reference network and one thread gives time to interrupt."""
    make_model(tmp_path / "m.fseg", dict(CARD, spacing_mm=1), levels=6,
               widths=(16, 32, 64, 128, 128, 128))
    voxels, _ = bright_ball(shape=(60, 56, 80))
    write_image(tmp_path / "large.nii.gz", voxels, spacing=(6, 6, 3))
    out = tmp_path / "deep" / "er" / "out"
    process = subprocess.Popen([PROGRAM, "segment", "--model", tmp_path / "m.fseg", "--in",
                                tmp_path / "large.nii.gz", "--out", out, "--threads", "1"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not out.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    assert process.poll() is None, "it was too fast to be interrupted"
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert time.monotonic() - sent < 3
    assert "Interrupted" in err
    assert not (tmp_path / "deep").exists()
