"""The experiment of docs/annotation-loop.md in its short form, on phantoms with a small network: it runs, keeps
what it has, splits as it says, and learning and propagating help.

Environment: FRUGALSEG_PROGRAM (makes the phantoms), FRUGALSEG_ANNOTATION_LOOP.
"""

import csv
import os
import shutil
import subprocess

import pytest

OPTIONS = ["base=1", "test=2", "add=2", "base-steps=30", "steps=100", "batch=4", "size=64", "spacing=8", "context=1",
           "small=1", "threads=1", "propagate-steps=20"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cases")
    for seed in range(1, 7):
        out = folder / f"p{seed}"
        subprocess.run([os.environ["FRUGALSEG_PROGRAM"], "synth", "--out", out, "--seed", str(seed), "--size", "64",
                        "--spacing", "5.6", "--slices", "10", "--quiet"], check=True)
        shutil.move(out / "image.nii.gz", folder / f"case{seed}_image.nii.gz")
        shutil.move(out / "truth.nii.gz", folder / f"case{seed}_label.nii.gz")
        shutil.rmtree(out)
    return folder


def run(what, data, out, *more):
    return subprocess.run([os.environ["FRUGALSEG_ANNOTATION_LOOP"], what, data, out, *OPTIONS, *more],
                          capture_output=True, text=True)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_learning_goes_on_where_it_stopped_and_helps(data, tmp_path):
    result = run("learn", data, tmp_path)
    assert result.returncode == 0, result.stderr
    first = rows(tmp_path / "learn.csv")
    assert [(row["order"], row["added"]) for row in first] == [
        ("base", "0"), ("proposed", "1"), ("proposed", "2"), ("random", "1"), ("random", "2"), ("none", "1"),
        ("none", "2")]
    for order in ("proposed", "random"):
        names = [row["case"] for row in first if row["order"] == order]
        assert len(set(names)) == 2, "no case twice"
    for row in first:
        each = [float(value) for value in row["dice_each"].split()]
        assert len(each) == 2 and all(0 <= value <= 1 for value in each)
        assert abs(sum(each) / 2 - float(row["dice_mean"])) < 1e-3
    last = {row["order"]: float(row["dice_mean"]) for row in first}
    assert last["proposed"] > last["base"] or last["random"] > last["base"]

    # Cut off after the first added case: the rest comes out as before, what is there is not computed again.
    lines = (tmp_path / "learn.csv").read_text().splitlines(keepends=True)
    (tmp_path / "learn.csv").write_text("".join(lines[:3]))
    (tmp_path / "seed1_proposed2.fseg").unlink()
    assert run("learn", data, tmp_path).returncode == 0
    again = rows(tmp_path / "learn.csv")
    keep = ("seed", "order", "added", "case", "dice_mean", "dice_each")
    assert [[row[key] for key in keep] for row in again] == [[row[key] for key in keep] for row in first]
    assert again[1] == first[1]


def test_ranking_tells_of_every_unused_case_how_unsure_and_how_wrong(data, tmp_path):
    result = run("rank", data, tmp_path)
    assert result.returncode == 0, result.stderr
    table = rows(tmp_path / "rank.csv")
    assert len({row["case"] for row in table}) == 5
    for row in table:
        entropy, disagreement = float(row["entropy"]), float(row["disagreement"])
        assert 0 <= entropy <= 1 and 0 <= disagreement <= 1 and 0 <= float(row["dice"]) <= 1
        assert abs(float(row["score"]) - (entropy + disagreement) / 2) < 1e-3


def test_propagation_measures_the_other_slices(data, tmp_path):
    result = run("propagate", data, tmp_path)
    assert result.returncode == 0, result.stderr
    table = rows(tmp_path / "propagate.csv")
    assert len(table) == 5, "every case but the one that trained the model"
    for row in table:
        slices = row["corrected_slices"].split()
        assert len(slices) == 3 and slices == sorted(slices, key=int)
        assert 0 <= float(row["dice_before"]) <= 1 and 0 <= float(row["dice_after"]) <= 1
    before = sum(float(row["dice_before"]) for row in table)
    after = sum(float(row["dice_after"]) for row in table)
    assert after > before


def test_bad_calls_are_sentences(data, tmp_path):
    for arguments in ([], ["learn"], ["dance", data, tmp_path], ["learn", data, tmp_path, "steps=many"],
                      ["learn", data, tmp_path, "colour=1"]):
        result = subprocess.run([os.environ["FRUGALSEG_ANNOTATION_LOOP"], *arguments], capture_output=True, text=True)
        assert result.returncode == 2 and "usage" in result.stderr
    result = run("learn", data, tmp_path, "test=30")
    assert result.returncode == 1 and "the experiment needs" in result.stderr
