"""frugalseg pretrain and the fine-tuning options of train, on small synthetic scans."""
import json
import signal
import subprocess

import numpy as np
import pytest
from safetensors.numpy import load_file

from conftest import PROGRAM, ball, bright_ball, run, write_image

QUICK = ["--size", 32, "--batch", 2, "--volumes", 2, "--partitions", 2, "--steps", 4,
         "--spacing", 6]


@pytest.fixture
def scans(tmp_path):
    """Three scans, one of them in a folder below, and a label map that is not a scan."""
    folder = tmp_path / "scans"
    (folder / "below").mkdir(parents=True)
    for i, place in enumerate((folder, folder, folder / "below")):
        write_image(place / f"s{i}.nii.gz", bright_ball(seed=i)[0])
    write_image(folder / "s0_label.nii.gz", ball())
    return folder


def pretrain(scans, out, *more, **options):
    return run("pretrain", "--data", scans, "--out", out, *QUICK, *more, **options)


@pytest.mark.parametrize("loss", ["regression", "contrastive", "both"])
def test_every_loss_gives_a_model_and_a_log(loss, scans, tmp_path):
    out, log = tmp_path / "m.fseg", tmp_path / "log.jsonl"
    result = pretrain(scans, out, "--loss", loss, "--log", log, "--json", "--report-every", 2)
    assert result.code == 0, result.err
    assert result.json["scans"] == 3 and result.json["left_out"] == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [l["step"] for l in lines if l["event"] == "steps"] == [2, 4]
    assert all(np.isfinite(l["loss"]) for l in lines if l["event"] == "steps")
    assert run("info", out).code == 0
    assert not (tmp_path / "m.fseg.checkpoint").exists()


def test_same_seed_same_bytes(scans, tmp_path):
    for name in ("a", "b"):
        assert pretrain(scans, tmp_path / name, "--loss", "both").code == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_dicom_folder_is_taken_too(phantom, tmp_path):
    result = pretrain(phantom / "dicom", tmp_path / "m.fseg", "--loss", "contrastive", "--json")
    assert result.code == 0, result.err
    assert result.json["scans"] == 1


def test_an_unreadable_scan_is_left_out_and_none_readable_stops(scans, tmp_path):
    (scans / "broken.nii.gz").write_bytes(b"not an image")
    result = pretrain(scans, tmp_path / "m.fseg", "--json")
    assert result.code == 0 and result.json["left_out"] == 1
    assert "broken" in result.err
    empty = tmp_path / "empty"
    empty.mkdir()
    assert pretrain(empty, tmp_path / "n.fseg").failed(3, "no scan")
    (empty / "broken.nii.gz").write_bytes(b"not an image")
    assert pretrain(empty, tmp_path / "n.fseg").failed(3, "warnings")
    assert not (tmp_path / "n.fseg").exists()


def test_an_interrupted_run_goes_on_to_the_same_model(scans, tmp_path):
    steps = ["--steps", 60]
    assert pretrain(scans, tmp_path / "whole.fseg", *steps).code == 0
    out = tmp_path / "part.fseg"
    command = [PROGRAM, "pretrain", "--data", scans, "--out", out, *QUICK, *steps,
               "--report-every", 1]
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True)
    while "step      3" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.stderr.read()
    assert process.wait(30) == 130
    assert not out.exists() and (tmp_path / "part.fseg.checkpoint").exists()
    assert pretrain(scans, out, *steps).code != 0  # never overwrites an earlier run
    assert pretrain(scans, out, *steps, "--resume").code == 0
    assert out.read_bytes() == (tmp_path / "whole.fseg").read_bytes()


def test_usage(scans, tmp_path):
    assert run("pretrain", "--data", scans).code == 2
    assert pretrain(scans, tmp_path / "m.fseg", "--loss", "magic").code == 2
    assert pretrain(scans, tmp_path / "m.fseg", "--size", 33).code == 2


@pytest.fixture
def cases(tmp_path):
    folder = tmp_path / "cases"
    folder.mkdir()
    image, label = bright_ball()
    write_image(folder / "a_image.nii.gz", image)
    write_image(folder / "a_label.nii.gz", label)
    return folder


def test_fine_tuning_takes_what_it_is_told(scans, cases, tmp_path):
    pretrained = tmp_path / "pretrained.fseg"
    assert pretrain(scans, pretrained, "--loss", "both").code == 0
    before = load_file(str(pretrained))

    def tuned(*options):
        out = tmp_path / "tuned.fseg"
        result = run("train", "--data", cases, "--out", out, "--init", pretrained, "--size", 32,
                     "--batch", 2, "--steps", 1, "--lr", 1e-8, "--seed", 2, *options)
        assert result.code == 0, result.err
        after = load_file(str(out))
        return {k for k in before if np.allclose(before[k], after[k], atol=1e-6)}

    kept = tuned("--transfer", "encoder")
    assert {"enc1.conv1.weight", "enc6.conv2.weight"} <= kept
    assert "dec1.conv1.weight" not in kept and "head.conv2.weight" not in kept
    kept = tuned("--transfer", "decoder")
    assert {"enc1.conv1.weight", "dec1.conv1.weight"} <= kept
    assert "head.conv2.weight" not in kept
    assert "head.conv2.weight" in tuned()


def test_a_frozen_encoder_stays(scans, cases, tmp_path):
    pretrained, out = tmp_path / "p.fseg", tmp_path / "t.fseg"
    assert pretrain(scans, pretrained).code == 0
    result = run("train", "--data", cases, "--out", out, "--init", pretrained, "--size", 32,
                 "--batch", 2, "--steps", 3, "--freeze-encoder")
    assert result.code == 0, result.err
    before, after = load_file(str(pretrained)), load_file(str(out))
    assert np.array_equal(before["enc3.conv1.weight"], after["enc3.conv1.weight"])
    assert not np.array_equal(before["dec3.conv1.weight"], after["dec3.conv1.weight"])
    assert run("train", "--data", cases, "--out", out, "--transfer", "encoder").code == 2
