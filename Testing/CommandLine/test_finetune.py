"""frugalseg finetune: what is transferred, early stop, resume to the same curve; frugalseg plot."""
import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest
import safetensors.numpy
from conftest import PROGRAM, bright_ball, entries, run, write_image

FAST = ["--batch", 2, "--size", 32, "--spacing", 6, "--threads", 1, "--report-every", 1]


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cases")
    for i, name in enumerate(["a", "b", "c"]):
        image, label = bright_ball(seed=i, centre=(20 + i, 26 + i, 5))
        write_image(folder / f"{name}_image.nii.gz", image)
        write_image(folder / f"{name}_label.nii.gz", label)
    return folder


@pytest.fixture(scope="module")
def pretrained(cases, tmp_path_factory):
    out = tmp_path_factory.mktemp("pretrained") / "p.fseg"
    result = run("pretrain", "--data", cases, "--out", out, "--steps", 2, "--batch", 2, "--size", 32,
                 "--spacing", 6, "--threads", 1)
    assert result.code == 0, result.err
    return out


def finetune(cases, pretrained, out, *more, **options):
    return run("finetune", "--init", pretrained, "--data", cases, "--out", out, *FAST, *more,
               **options)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def weights(path):
    return safetensors.numpy.load_file(path)


def test_a_frozen_encoder_stays_as_it_was_pretrained(cases, pretrained, tmp_path):
    result = finetune(cases, pretrained, tmp_path / "m.fseg", "--steps", 2, "--freeze-encoder")
    assert result.code == 0, result.err
    before, after = weights(pretrained), weights(tmp_path / "m.fseg")
    for name in before:
        same = np.array_equal(before[name], after[name])
        assert same == name.startswith("enc"), name


def test_a_frozen_encoder_learns_the_rest_as_with_a_rate_of_nearly_nothing(cases, pretrained,
                                                                           tmp_path):
    """The backward pass that ends at the encoder gives the decoder its full gradient."""
    # Adam's step is as long as its rate: 1e-4 of 1e-3 leaves the encoder where it is, to 1e-6.
    for name, how in (("frozen", ["--freeze-encoder"]), ("slow", ["--encoder-rate", 0.0001])):
        assert finetune(cases, pretrained, tmp_path / name, "--steps", 2, "--warmup", 0, *how).code == 0
    frozen, slow = weights(tmp_path / "frozen"), weights(tmp_path / "slow")
    moved = weights(pretrained)
    for name in frozen:
        if name.startswith("dec"):
            step = np.abs(slow[name] - moved[name]).max()
            assert np.abs(frozen[name] - slow[name]).mean() < 0.05 * step, name


def test_only_the_encoder_is_taken_when_asked(cases, pretrained, tmp_path):
    logs = []
    for transfer in ("encoder", "encoder+decoder"):
        log = tmp_path / transfer
        assert finetune(cases, pretrained, tmp_path / "m", "--steps", 1, "--transfer", transfer,
                        "--log", log).code == 0
        logs.append(lines(log)[1]["loss"])
    assert logs[0] != logs[1], "the decoder matters for the first loss"


def test_the_best_weights_are_kept_and_patience_stops(cases, pretrained, tmp_path):
    out, log = tmp_path / "m.fseg", tmp_path / "log.jsonl"
    result = finetune(cases, pretrained, out, "--steps", 200, "--lr", 0.05, "--validation", "b",
                      "--validate-every", 2, "--patience", 3, "--exclude", "c", "--log", log,
                      "--json")
    assert result.code == 0, result.err
    dice = {e["step"]: e["dice"] for e in lines(log) if e["event"] == "validation"}
    best = result.json["best"]
    assert best["validation_dice"] == pytest.approx(max(dice.values()), abs=1e-7)
    assert best["step"] == max(dice, key=lambda s: (dice[s], -s)), "the first of the best"
    assert best["stopped_early"] and result.json["steps"] == best["step"] + 2 * 3
    assert result.json["cases"] == 1 and result.json["validation"]["cases"][0]["case"] == "c"
    again = run("evaluate", "--model", out, "--data", cases, "--only", "b", "--json").json
    assert again["mean"]["dice"] == pytest.approx(best["validation_dice"], abs=1e-7)


def test_a_killed_run_goes_on_to_the_same_curve_and_the_same_stop(cases, pretrained, tmp_path):
    options = ["--steps", 150, "--validation", "b", "--validate-every", 10, "--patience", 9,
               "--checkpoint-every", 6]
    whole, parts = tmp_path / "whole.fseg", tmp_path / "parts.fseg"
    assert finetune(cases, pretrained, whole, *options, "--log", tmp_path / "whole").code == 0
    log = tmp_path / "parts"
    command = [PROGRAM, "finetune", "--init", pretrained, "--data", cases, "--out", parts, *FAST,
               *options, "--log", log]
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while time.monotonic() < end and not (log.exists() and '"steps","step":15' in log.read_text()):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not parts.exists()
    assert finetune(cases, pretrained, parts, *options, "--log", log, "--resume").code == 0
    assert parts.read_bytes() == whole.read_bytes()

    def curve(path):
        entries = [json.loads(l) for l in path.read_text().splitlines() if l.endswith("}")]
        return {(e["event"], e["step"]): e.get("loss", e.get("dice")) for e in entries
                if e["event"] in ("steps", "validation")}
    assert curve(log) == curve(tmp_path / "whole")


def test_wrong_requests(cases, pretrained, tmp_path):
    out = tmp_path / "m.fseg"
    assert run("finetune", "--data", cases, "--out", out).failed(2, "--init")
    assert finetune(cases, pretrained, out, "--transfer", "head").failed(2, "encoder+decoder")
    assert finetune(cases, pretrained, out, "--patience", 2).failed(2, "--validation")
    assert finetune(cases, pretrained, out, "--validation", "z").failed(2, "'z'")
    assert finetune(cases, pretrained, out, "--validation", "a", "--exclude", "a").failed(
        2, "'a'", "cannot measure")
    assert finetune(cases, pretrained, out, "--validation", "a,b,c").failed(2, "nothing is left")
    assert finetune(cases, pretrained, out, "--plot", "x").failed(2, "--log")
    assert entries(tmp_path) == []


def test_the_plot_of_a_run(cases, pretrained, tmp_path):
    log = tmp_path / "run.jsonl"
    result = finetune(cases, pretrained, tmp_path / "m.fseg", "--steps", 4, "--validation", "b",
                      "--validate-every", 2, "--log", log, "--plot", tmp_path / "run")
    assert result.code == 0, result.err
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "run.svg").read_text()
    assert "<svg" in svg and "loss" in svg and "Dice of the validation cases" in svg
    # A killed run leaves half a line; what is whole is drawn, to the same picture.
    log.write_text(log.read_text() + '{"event":"steps","st')
    result = run("plot", log, "--out", tmp_path / "again")
    assert result.code == 0 and (tmp_path / "again.svg").read_text() == svg


def test_a_plot_without_gnuplot_or_without_a_log(cases, pretrained, tmp_path):
    nothing = {**os.environ, "PATH": str(tmp_path)}
    log = tmp_path / "run.jsonl"
    result = finetune(cases, pretrained, tmp_path / "m.fseg", "--steps", 1, "--log", log, "--plot",
                      tmp_path / "run", env=nothing)
    assert result.code == 0 and "gnuplot is not installed" in result.err
    assert (tmp_path / "m.fseg").exists() and lines(log)[-1]["event"] == "end"
    assert run("plot", log, env=nothing).failed(3, "gnuplot-nox")
    assert run("plot", tmp_path / "missing.jsonl").failed(3, "does not exist")
    assert run("plot", tmp_path / "m.fseg").failed(3, "no loss")
    assert run("plot").failed(2, "log")
