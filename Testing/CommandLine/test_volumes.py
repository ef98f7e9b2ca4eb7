"""DICOM inputs of every form: the user chooses among volumes, allows uneven slices, gives archives and files."""
import pathlib
import sys
import zipfile

import numpy as np
import pydicom
import pytest
from conftest import SOURCE, bright_ball, run

sys.path.insert(0, str(SOURCE / "Testing" / "Imaging"))
import imaging_library as lib  # noqa: E402

MATRIX = np.diag([3.0, 3.0, 7.0, 1.0])


def images(count=2):
    return [np.ascontiguousarray(bright_ball(n)[0].round().transpose(2, 1, 0)) for n in range(count)]


@pytest.fixture
def echoes(tmp_path):
    lib.write_enhanced([(v, MATRIX, {"echo_ms": e}) for v, e in zip(images(), (20, 98))], tmp_path / "echoes")
    return tmp_path / "echoes"


def test_info_lists_the_volumes_of_a_series(echoes):
    rows = run("info", echoes, "--json").json["series"]
    assert [(r["volume"], r["volumes"], r["label"], r["verdict"]) for r in rows] == \
        [(1, 2, "echo 1, TE 20 ms", "ok"), (2, 2, "echo 2, TE 98 ms", "ok")]
    assert rows[0]["uid"] == rows[1]["uid"]
    assert "volume 2 of 2: echo 2, TE 98 ms" in run("info", echoes).out


def test_without_a_choice_the_volumes_are_listed(model, echoes, tmp_path):
    result = run("segment", "--model", model, "--in", echoes, "--out", tmp_path / "out")
    result.failed(4, "--volume", "1 (echo 1, TE 20 ms", "2 (echo 2, TE 98 ms")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("volume", [1, 2])
def test_the_chosen_volume_is_segmented(model, echoes, tmp_path, volume):
    result = run("segment", "--model", model, "--in", echoes, "--volume", volume, "--out", tmp_path / "out", "--json")
    assert result.code == 0, result.err
    assert result.json["input"]["volume"] == volume and result.json["input"]["volumes"] == 2
    assert result.json["input"]["volume_label"].startswith(f"echo {volume}, TE")
    uid = run("info", echoes, "--json").json["series"][0]["uid"]
    again = run("segment", "--model", model, "--in", echoes, "--series", f"{uid}#{volume}", "--out", tmp_path / "b", "--json")
    assert again.json["result"] == result.json["result"]


def test_a_volume_that_is_not_there_is_named(model, echoes, tmp_path):
    run("segment", "--model", model, "--in", echoes, "--volume", 3, "--out", tmp_path / "o").failed(3, "no volume 3")


def test_a_file_and_an_archive_are_inputs(model, tmp_path):
    lib.write_enhanced([(images(1)[0], MATRIX, {})], tmp_path / "one")
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        archive.write(tmp_path / "one" / "IM0001.dcm", "study/IM1")
    results = []
    for path in (tmp_path / "one", tmp_path / "one" / "IM0001.dcm", tmp_path / "study.zip"):
        result = run("segment", "--model", model, "--in", path, "--out", tmp_path / f"out-{path.name}", "--json")
        assert result.code == 0, result.err
        assert result.json["input"]["kind"] == "dicom"
        results.append(result.json["result"])
    assert results[0] == results[1] == results[2]


def test_uneven_slices_are_taken_with_consent_and_said(model, tmp_path):
    folder = tmp_path / "uneven"
    lib.write_series(images(1)[0], MATRIX, folder)
    for path in folder.iterdir():
        data = pydicom.dcmread(path)
        if data.InstanceNumber == 4:
            data.ImagePositionPatient[2] += 1
            data.save_as(path)
    arguments = ("segment", "--model", model, "--in", folder, "--out", tmp_path / "out", "--json")
    assert run(*arguments).failed(4, "varies from 6.00 to 8.00 mm")
    result = run(*arguments, "--allow-uneven")
    assert result.code == 0, result.err
    report = result.json
    assert report["verdict"] == "ok-regularized" and "1.00 mm beside" in report["verdict_reason"]
    assert any("made regular" in w and "1.00 mm" in w for w in report["warnings"])
    assert run("info", folder, "--allow-uneven", "--json").json["series"][0]["verdict"] == "ok-regularized"
    assert run("info", folder, "--json").json["series"][0]["reason_id"] == "uneven-spacing"


def test_choices_are_for_dicom(model, image, tmp_path):
    run("segment", "--model", model, "--in", image, "--volume", 2, "--out", tmp_path / "o").failed(2, "--volume")
