"""frugalseg pretrain and the fine-tuning options of train, on small synthetic scans."""
import json
import signal
import subprocess

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from conftest import PROGRAM, ball, bright_ball, model_checksum, run, write_image

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


def test_an_unreadable_scan_is_left_out_by_its_number(scans, tmp_path):
    (scans / "Miller_John.nii.gz").write_bytes(b"not an image")
    result = pretrain(scans, tmp_path / "m.fseg", "--json")
    assert result.code == 0 and result.json["left_out"] == 1 and result.json["scans"] == 3
    assert "Scan 1 is left out" in result.err
    assert "Miller" not in result.err and "Miller" not in result.out


def test_no_readable_scan_stops(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert pretrain(empty, tmp_path / "n.fseg").failed(3, "no scan")
    (empty / "broken.nii.gz").write_bytes(b"not an image")
    assert pretrain(empty, tmp_path / "n.fseg").failed(3, "warnings")
    assert not (tmp_path / "n.fseg").exists()
    assert not (tmp_path / "n.fseg.checkpoint").exists()


@pytest.mark.parametrize("corruption", ["swap", "shuffle", "intensity", "inpainting",
                                        "outpainting,shuffle=1", "genesis,patches=0.5"])
def test_every_corruption_can_be_asked_for(corruption, scans, tmp_path):
    out = tmp_path / "m.fseg"
    result = pretrain(scans, out, "--corruption", corruption, "--patch", 8, "--error", "absolute")
    assert result.code == 0, result.err
    assert out.exists()


def test_a_corruption_that_does_not_exist_is_refused(scans, tmp_path):
    out = tmp_path / "m.fseg"
    assert pretrain(scans, out, "--corruption", "magic").failed(2, "magic")
    assert pretrain(scans, out, "--corruption", "shuffle=2").failed(2, "chance")
    assert pretrain(scans, out, "--corruption", "patches,").failed(2, "no ''")
    assert pretrain(scans, out, "--corruption", "swap").failed(2, "--patch")  # 32 of 32 pixels


@pytest.mark.parametrize("contrast", ["simclr", "partition", "partition-pairs", "position", "local"])
def test_every_contrast_can_be_asked_for(contrast, scans, tmp_path):
    result = pretrain(scans, tmp_path / "m.fseg", "--loss", "contrastive", "--contrast", contrast)
    assert result.code == 0, result.err


@pytest.fixture
def echoes(tmp_path):
    """Two subjects of three echoes: one a 4D file, one three files."""
    folder = tmp_path / "echoes"
    folder.mkdir()
    image = bright_ball(seed=5)[0]
    stack = np.stack([image * f for f in (1, 0.6, 0.3)], axis=-1)
    write_image(folder / "a.nii.gz", stack)
    for i in range(3):
        write_image(folder / f"b_{i:04}.nii.gz", bright_ball(seed=6)[0] / (i + 1))
    return folder


def test_constrained_contrast_takes_echoes_as_one_subject(echoes, tmp_path):
    result = pretrain(echoes, tmp_path / "m.fseg", "--loss", "contrastive", "--contrast",
                      "constrained", "--network-contrast", 2, "--json")
    assert result.code == 0, result.err
    assert result.json["scans"] == 2 and result.json["contrasts"] == 3
    write_image(echoes / "b_0002.nii.gz", bright_ball(seed=6)[0][:, :, 1:])
    result = pretrain(echoes, tmp_path / "n.fseg", "--loss", "contrastive", "--contrast",
                      "constrained", "--json")
    assert result.json["scans"] == 1 and "one grid" in result.err


def test_a_second_stage_trains_the_decoder_alone(scans, tmp_path):
    def weights(name, *options):
        result = pretrain(scans, tmp_path / name, "--loss", "contrastive", *options)
        assert result.code == 0, result.err
        return load_file(str(tmp_path / name))

    one = weights("one.fseg")
    two = weights("two.fseg", "--then", "constrained", "--then-steps", 3)
    for key in one:
        same = np.array_equal(one[key], two[key])
        if key.startswith("enc"):
            assert same, key
    assert not np.array_equal(one["dec1.conv1.weight"], two["dec1.conv1.weight"])
    assert not list(tmp_path.glob("*.checkpoint*"))


def test_the_second_stage_goes_on_after_a_kill(scans, tmp_path):
    options = ["--loss", "contrastive", "--then", "local", "--then-steps", 40]
    whole = pretrain(scans, tmp_path / "whole.fseg", *options)
    assert whole.code == 0, whole.err
    out = tmp_path / "part.fseg"
    command = [PROGRAM, "pretrain", "--data", scans, "--out", out, *QUICK, *options,
               "--report-every", 1, "--checkpoint-every", 1]
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True)
    while "step      3/40" not in process.stderr.readline():
        assert process.poll() is None
    process.kill()
    process.wait(30)
    process.stderr.close()
    assert not out.exists()
    assert pretrain(scans, out, *options, "--resume").code == 0
    assert out.read_bytes() == (tmp_path / "whole.fseg").read_bytes()


def test_nan_stops_with_step_scan_and_checkpoint(scans, tmp_path):
    start = tmp_path / "start.fseg"
    assert pretrain(scans, start).code == 0
    with safe_open(start, "np") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name).copy() for name in file.keys()}
    tensors["enc1.conv1.weight"].flat[0] = 3e38
    del metadata["sha256"]
    metadata["sha256"] = model_checksum(metadata, tensors)
    save_file(tensors, start, metadata)
    out = tmp_path / "m.fseg"
    for loss in ("regression", "contrastive"):
        result = pretrain(scans, out, "--init", start, "--loss", loss, "--checkpoint",
                          tmp_path / loss)
        assert result.failed(3, "step 1", "of scan", f"checkpoint is '{tmp_path / loss}'")
        assert (tmp_path / loss).exists() and not out.exists()


@pytest.mark.parametrize("options", [["--loss", "both", "--contrast", "partition-pairs"],
                                     ["--loss", "both", "--contrast", "constrained"]])
def test_memory_is_said_before_the_first_step_and_is_below_4_gb(options, scans, tmp_path):
    command = [PROGRAM, "pretrain", "--data", scans, "--out", tmp_path / "m.fseg", *options]
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True)
    line = ""
    while not line.startswith("Memory at its peak: "):
        line = process.stderr.readline()
        assert line and not line.startswith("step"), line
    process.kill()
    process.wait(30)
    process.stderr.close()
    numbers = [int(word) for word in line.split() if word.isdigit()]
    assert 500 < sum(numbers) < 4000, line


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
