"""`--precision bfloat16` of train and pretrain: as good as float32, repeatable, refused where the
processor cannot."""
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from conftest import PROGRAM, SOURCE, frugalseg_library, run

BFLOAT16 = frugalseg_library.library.fseg_isa_available(4) and \
    os.environ.get("FSEG_ISA", "avx512") in ("avx512", "avx512bf16")
needs_bfloat16 = pytest.mark.skipif(not BFLOAT16, reason="this processor has no AVX-512 BF16")


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    """Four phantoms as labelled cases; the liver has label 1."""
    folder = tmp_path_factory.mktemp("phantoms")
    for seed in range(1, 5):
        made = folder / f"made-{seed}"
        assert run("synth", "--quiet", "--seed", seed, "--size", 64, "--spacing", 5.6, "--slices",
                   12, "--slice-spacing", 14, "--out", made).code == 0
        for name, kind in (("image", "image"), ("truth", "label")):
            (made / f"{name}.nii.gz").rename(folder / f"case{seed}_{kind}.nii.gz")
    return folder


def train(phantoms, out, *options, **environment):
    return run("train", "--data", phantoms, "--out", out, "--spacing", 5.6, "--size", 64,
               "--batch", 4, "--fold", "1/4", "--report-every", 5, *options, "--json", "--quiet",
               env={**os.environ, **environment})


@needs_bfloat16
def test_reaches_the_dice_of_float32_on_phantoms(phantoms, tmp_path):
    """The command of the documentation, in small: docs/performance.md has the real one."""
    process = subprocess.run(
        [sys.executable, SOURCE / "Testing" / "Benchmark" / "precision.py", "--data", phantoms, "--out",
         tmp_path, "--spacing", "5.6", "--size", "64", "--batch", "4", "--steps", "60", "--seeds",
         "1"], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    told = json.loads((tmp_path / "precision.json").read_text())
    assert [r["precision"] for r in told["runs"]] == ["float32", "bfloat16"]
    for run_ in told["runs"]:
        assert run_["dice"] > 0.7, told
        assert list(run_["cases"]) == ["case1"]
    assert abs(told["difference"]["mean"]) < 0.05, told
    assert told["runs"][0]["dice"] != told["runs"][1]["dice"]  # two runs, not one twice
    assert "| bfloat16 |" in (tmp_path / "precision.md").read_text()


@needs_bfloat16
def test_a_killed_run_goes_on_to_the_same_bytes(phantoms, tmp_path):
    options = ("--precision", "bfloat16", "--steps", 20, "--seed", 3)
    assert train(phantoms, tmp_path / "whole.fseg", *options).code == 0
    checkpoint = tmp_path / "cut.fseg.checkpoint"
    process = subprocess.Popen(
        [PROGRAM, "train", "--data", phantoms, "--out", tmp_path / "cut.fseg", "--spacing", "5.6",
         "--size", "64", "--batch", "4", "--fold", "1/4", "--quiet", "--checkpoint-every", "4",
         *map(str, options)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoint.exists() and not (tmp_path / "cut.fseg").exists()
    assert train(phantoms, tmp_path / "cut.fseg", *options, "--resume").code == 0
    assert (tmp_path / "cut.fseg").read_bytes() == (tmp_path / "whole.fseg").read_bytes()


@needs_bfloat16
def test_the_card_and_the_log_say_which_precision(phantoms, tmp_path):
    model, log = tmp_path / "m.fseg", tmp_path / "log.jsonl"
    assert train(phantoms, model, "--precision", "bfloat16", "--steps", 1, "--log", log).code == 0
    assert run("info", model, "--json").json["card"]["training"]["precision"] == "bfloat16"
    assert json.loads(log.read_text().splitlines()[0])["precision"] == "bfloat16"


@needs_bfloat16
@pytest.mark.parametrize("loss", ["regression", "contrastive"])
def test_pretraining_loses_about_as_much_as_in_float32(phantoms, tmp_path, loss):
    losses = {}
    for precision in ("float32", "bfloat16"):
        log = tmp_path / f"{precision}.jsonl"
        result = run("pretrain", "--data", phantoms, "--out", tmp_path / f"{precision}.fseg",
                     "--loss", loss, "--steps", 8, "--batch", 4, "--volumes", 2, "--partitions", 2,
                     "--size", 64, "--spacing", 5.6, "--report-every", 4, "--log", log,
                     "--precision", precision, "--quiet")
        assert result.code == 0, result.err
        losses[precision] = [event["loss"] for event in map(json.loads, log.read_text().splitlines())
                             if event["event"] == "steps"]
    assert losses["float32"] != losses["bfloat16"]
    assert np.allclose(losses["float32"], losses["bfloat16"], rtol=0.05), losses


@pytest.mark.parametrize("command", ["train", "pretrain"])
def test_another_precision_is_a_usage_error(phantoms, tmp_path, command):
    run(command, "--data", phantoms, "--out", tmp_path / "m.fseg", "--precision", "half").failed(
        2, "--precision", "float32", "bfloat16", "half")


@pytest.mark.parametrize("command", ["train", "pretrain"])
def test_a_processor_without_it_is_named_before_anything_is_written(phantoms, tmp_path, command):
    result = run(command, "--data", phantoms, "--out", tmp_path / "m.fseg", "--precision",
                 "bfloat16", env={**os.environ, "FSEG_ISA": "portable"})
    assert result.failed(3, "bfloat16", "use float32")
    assert list(tmp_path.iterdir()) == []
