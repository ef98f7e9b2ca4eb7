"""frugalseg train: learning, checkpoints, held-out cases, bad data."""
import json
import signal
import subprocess
import time

import numpy as np
import pytest
from conftest import PROGRAM, bright_ball, entries, run, write_image

FAST = ["--batch", 2, "--size", 64, "--spacing", 3, "--threads", 2, "--report-every", 10]


@pytest.fixture
def cases(tmp_path):
    folder = tmp_path / "cases"
    folder.mkdir()
    for i, name in enumerate(["a", "b", "c", "d"]):
        image, label = bright_ball(seed=i, centre=(20 + i, 26 + i, 5))
        write_image(folder / f"{name}_image.nii.gz", image)
        write_image(folder / f"{name}_label.nii.gz", label)
    return folder


def train(cases, out, *more, **options):
    return run("train", "--data", cases, "--out", out, *FAST, *more, **options)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_model_learns_and_is_measured_on_the_held_out_case(cases, tmp_path):
    (tmp_path / "card.json").write_text(json.dumps(
        {"name": "ball", "version": "1", "structure": "liver", "spacing_mm": 9}))
    result = train(cases, tmp_path / "m.fseg", "--steps", 80, "--fold", "2/4", "--card",
                   tmp_path / "card.json", "--log", tmp_path / "log.jsonl", "--json")
    assert result.code == 0, result.err
    validation = result.json["validation"]
    assert [c["case"] for c in validation["cases"]] == ["b"]
    assert validation["mean"]["dice"] > 0.8
    log = lines(tmp_path / "log.jsonl")
    assert [e["event"] for e in log][0] == "start" and log[-1]["event"] == "end"
    losses = [e["loss"] for e in log if e["event"] == "steps"]
    assert len(losses) == 8 and losses[-1] < losses[0] / 2
    assert entries(tmp_path) == ["card.json", "cases", "log.jsonl", "m.fseg"], "no checkpoint left"
    card = run("info", tmp_path / "m.fseg", "--json").json["card"]
    assert card["name"] == "ball" and card["spacing_mm"] == 3 and card["context_slices"] == 1
    assert card["training"]["cases"] == 3 and card["training"]["steps"] == 80
    assert str(tmp_path) not in json.dumps(card), "no paths in a model"
    again = run("evaluate", "--model", tmp_path / "m.fseg", "--data", cases, "--only", "b", "--json")
    assert again.json["cases"][0]["dice"] == pytest.approx(validation["mean"]["dice"], abs=1e-9)


def test_the_same_seed_gives_the_same_bytes(cases, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert train(cases, tmp_path / name, "--steps", 4, "--seed", seed).code == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_phantoms_and_neighbouring_slices_and_a_start_model(cases, tmp_path):
    result = train(cases, tmp_path / "first.fseg", "--steps", 3, "--phantoms", 1,
                   "--context-slices", 3, "--json")
    assert result.code == 0, result.err
    assert result.json["phantoms"] == 1
    assert run("info", tmp_path / "first.fseg", "--json").json["architecture"]["in_channels"] == 3
    assert train(cases, tmp_path / "second.fseg", "--steps", 3, "--init",
                 tmp_path / "first.fseg").code == 0
    assert train(cases, tmp_path / "third.fseg", "--steps", 3, "--init", tmp_path / "first.fseg",
                 "--context-slices", 1).failed(2, "context-slices")


def test_an_interrupted_run_goes_on_to_the_same_bytes(cases, tmp_path):
    steps = ["--steps", 60, "--report-every", 1]
    assert train(cases, tmp_path / "whole.fseg", *steps).code == 0
    out, log = tmp_path / "parts.fseg", tmp_path / "log.jsonl"
    process = subprocess.Popen(
        list(map(str, [PROGRAM, "train", "--data", cases, "--out", out, *FAST, *steps, "--log",
                       log])), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while time.monotonic() < end and not (
            log.exists() and log.read_text().count('"steps","step"') >= 10):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "--resume" in err
    assert not out.exists()
    checkpoint = tmp_path / "parts.fseg.checkpoint"
    assert run("info", checkpoint).code == 0, "a checkpoint is a usable model"
    before = log.read_text()
    assert train(cases, out, *steps, "--log", log).failed(2, "--resume"), "no fresh start over it"
    assert log.read_text() == before
    assert train(cases, out, *steps, "--resume").code == 0
    assert out.read_bytes() == (tmp_path / "whole.fseg").read_bytes()
    assert not checkpoint.exists()


def test_an_unreadable_case_is_left_out_aloud(cases, tmp_path):
    (cases / "b_image.nii.gz").write_bytes(b"damaged")
    result = train(cases, tmp_path / "m.fseg", "--steps", 2, "--json")
    assert result.code == 0, result.err
    assert result.json["cases"] == 3
    assert "Case 'b' is left out" in result.err


def test_no_readable_case_stops(cases, tmp_path):
    for path in cases.glob("*_label.nii.gz"):
        path.unlink()
    assert train(cases, tmp_path / "m.fseg", "--steps", 2).failed(3, "No case")
    assert entries(tmp_path) == ["cases"]


def test_wrong_requests(cases, tmp_path):
    out = tmp_path / "m.fseg"
    assert train(cases, out, "--fold", "5/4").failed(2, "--fold")
    assert train(cases, out, "--exclude", "z").failed(2, "'z'")
    assert train(cases, out, "--exclude", "a,b,c,d").failed(2, "held out")
    assert train(cases, out, "--loss", "hinge").failed(2, "--loss")
    assert train(cases, out, "--context-slices", 2).failed(2, "odd")
    assert train(cases, out, "--resume").failed(3)
    assert train(tmp_path, out).failed(3, "NAME_image")
    assert train(cases, tmp_path / "no" / "folder" / "m.fseg").failed(3, "folder")
    (tmp_path / "card.json").write_text("[1")
    assert train(cases, out, "--card", tmp_path / "card.json").failed(3, "card")
    (tmp_path / "card.json").write_text('{"structure":"prostate"}')
    assert train(cases, out, "--card", tmp_path / "card.json", "--phantoms", 1).failed(
        2, "phantom")
    assert entries(tmp_path) == ["card.json", "cases"]
