"""frugalseg study: the grid, its statistics, resuming, bad configurations."""
import csv
import fcntl
import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest
import scipy.stats
from conftest import PROGRAM, bright_ball, run, write_image

CONFIG = {
    "data": "cases", "size": 32, "spacing_mm": 6, "steps": 4, "batch": 2, "phantoms": 1,
    "learning_rates": [1e-3, 1e-2],
    "folds": [{"test": ["a", "b"], "validation": ["c"]}, {"test": ["d"], "validation": ["c"]}],
    "budgets": [1, "all"], "subsets": 2, "seeds": [1],
    "choose": {"budget": 1, "subset": 1},
    "pretraining": {
        "masked": {"loss": "regression", "patch": 8, "steps": 2, "batch": 2},
        "swapped": {"loss": "regression", "corruption": "context-restoration", "patch": 8,
                    "steps": 2, "batch": 2},
        "joint": {"loss": "both", "corruption_of": "regression", "steps": 1, "batch": 2}},
    "arms": {
        "scratch": {},
        "regression": {"pretraining": ["masked", "swapped"], "transfer": "encoder+decoder"},
        "both": {"pretraining": "joint", "transfer": "encoder+decoder"}}}
# The shortest study with a pretraining in two stages.
SMALL = {
    **CONFIG, "folds": CONFIG["folds"][:1], "budgets": [1], "phantoms": 0,
    "pretraining": {
        "masked": CONFIG["pretraining"]["masked"],
        "second": {"loss": "contrastive", "contrast": "local", "after": "masked",
                   "freeze_encoder": True, "steps": 1}},
    "arms": {"scratch": {}, "second": {"pretraining": "second"}}}
RESULTS = ["results.csv", "choices.csv", "pretraining.csv", "summary.json", "results.md",
           "plot.png", "plot.svg"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with cases and study.json."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "cases").mkdir()
    for i, name in enumerate("abcdef"):
        image, label = bright_ball(seed=i, centre=(20 + i, 26 + i, 5))
        write_image(folder / "cases" / f"{name}_image.nii.gz", image)
        write_image(folder / "cases" / f"{name}_label.nii.gz", label)
    (folder / "study.json").write_text(json.dumps(CONFIG))
    (folder / "small.json").write_text(json.dumps(SMALL))
    return folder


@pytest.fixture(scope="module")
def done(place):
    """The results of the study, done by two processes."""
    result = run("study", place / "study.json", "--out", place / "out", "--jobs", 2, "--json")
    assert result.code == 0, result.err
    summary = result.json
    assert summary["complete"] and summary["runs_done"] == summary["runs"] == 2 * 3 * 3
    return place / "out"


@pytest.fixture(scope="module")
def small(place):
    result = run("study", place / "small.json", "--out", place / "small", "--jobs", 2)
    assert result.code == 0, result.err
    return place / "small"


def rows(folder):
    with open(folder / "results.csv") as file:
        return list(csv.DictReader(file))


def files(folder):
    """Everything that a study leaves for good, by name."""
    names = RESULTS + [f"runs/{p.name}" for p in (folder / "runs").iterdir()]
    names += [f"models/{p.name}" for p in (folder / "models").iterdir()]
    assert list((folder / "work").iterdir()) == []
    return {name: (folder / name).read_bytes() for name in names}


def test_every_cell_of_the_grid_is_measured_on_its_test_cases(done):
    found = {(r["fold"], r["arm"], r["budget"], r["subset"], r["test_case"]) for r in rows(done)}
    expected = {(f, arm, b, s, case) for f, cases in (("1", "ab"), ("2", "d")) for case in cases
                for arm in CONFIG["arms"]
                for b, s in (("1", "1"), ("1", "2"), ("all", "1"))}
    assert found == expected and len(rows(done)) == len(expected)
    assert all(0 <= float(r["dice"]) <= 1 for r in rows(done))


def test_no_run_sees_a_test_or_validation_case(done):
    seen = set()
    for path in (done / "runs").iterdir():
        task = json.loads(path.read_text())["task"]
        assert not set(task["cases"]) & set(task["test"] + task["validation"])
        assert str(done.parent) not in path.read_text(), "no paths in results"
        seen.add(task["kind"])
    assert seen == {"pretraining", "finetune"}


def test_budgets_are_nested_and_subsets_differ(done):
    by_key = {}
    for path in (done / "runs").glob("finetune-*"):
        task = json.loads(path.read_text())["task"]
        if "initial" not in task:
            by_key[(tuple(task["test"]), len(task["cases"]), task["seed"])] = task["cases"]
    ones = [cases for (test, count, _), cases in by_key.items() if test == ("a", "b") and count == 1]
    assert len(ones) == 2 and ones[0] != ones[1]


def test_an_arm_keeps_the_choice_that_was_best_on_the_validation_case(done):
    by_start = {}
    for path in (done / "runs").glob("finetune-*"):
        both = json.loads(path.read_text())
        task = both["task"]
        if task["test"] == ["a", "b"] and len(task["cases"]) == 1 and "initial" not in task:
            by_start.setdefault((task["seed"], task["learning_rate"]),
                                both["result"]["validation_dice"])
    first = min(seed for seed, _ in by_start)  # of subset 1, on which is chosen
    candidates = {rate: dice for (seed, rate), dice in by_start.items() if seed == first}
    assert set(candidates) == {1e-3, 1e-2}
    with open(done / "choices.csv") as file:
        chosen = next(r for r in csv.DictReader(file) if r["arm"] == "scratch" and r["fold"] == "1")
    assert candidates[float(chosen["learning_rate"])] == max(candidates.values())
    assert all(float(r["learning_rate"]) == float(chosen["learning_rate"]) for r in rows(done)
               if r["arm"] == "scratch" and r["fold"] == "1")


def test_the_summary_is_what_the_table_of_runs_says(done):
    summary = json.loads((done / "summary.json").read_text())
    table = rows(done)

    def of(arm, budget):
        return [r for r in table if r["arm"] == arm and r["budget"] == budget]

    def runs(arm, budget):
        groups = {}
        for r in of(arm, budget):
            groups.setdefault((r["fold"], r["subset"]), []).append(float(r["dice"]))
        return [np.mean(g) for g in groups.values()]

    def subjects(arm, budget):
        groups = {}
        for r in of(arm, budget):
            groups.setdefault(r["test_case"], []).append(float(r["dice"]))
        return np.array([np.mean(groups[c]) for c in "abd"])

    full = np.mean(runs("scratch", "all"))
    assert summary["goal"] == pytest.approx(full - 0.01, abs=1e-5)
    for arm in summary["arms"]:
        curve = []
        for point in arm["budgets"]:
            values = runs(arm["arm"], point["budget"])
            curve.append((point["labels"], np.mean(values)))
            assert point["runs"] == len(values)
            assert point["dice"] == pytest.approx(np.mean(values), abs=1e-5)
            assert point["sd"] == pytest.approx(np.std(values, ddof=1), abs=1e-5)
            difference = subjects(arm["arm"], point["budget"]) - subjects("scratch", point["budget"])
            against = point["against_baseline"]
            assert against["mean"] == pytest.approx(difference.mean(), abs=1e-5)
            if np.all(difference != 0):
                assert against["p"] == pytest.approx(
                    scipy.stats.wilcoxon(difference, method="exact").pvalue)
        # Label saving: 1 - n*/n_all, n* where the straight line between budgets meets the goal.
        (n1, d1), (n2, d2) = curve
        goal = full - 0.01
        needed = n1 if d1 >= goal else (n1 + (goal - d1) / (d2 - d1) * (n2 - n1)
                                        if d2 >= goal else None)
        n_all = curve[-1][0]
        if needed is None:
            assert arm["labels_needed"] is None and arm["label_saving"] is None
        else:
            assert arm["labels_needed"] == pytest.approx(needed, abs=0.02)
            assert arm["label_saving"] == pytest.approx(1 - needed / n_all, abs=0.01)
    assert "Research use only" in (done / "results.md").read_text()


def test_pretraining_is_measured_on_images_that_it_never_saw(done):
    with open(done / "pretraining.csv") as file:
        table = list(csv.DictReader(file))
    assert {r["pretraining"] for r in table} == set(CONFIG["pretraining"])
    for r in table:
        assert 0 <= float(r["retrieval_top1"]) <= 1 and float(r["chance"]) == 0.25
        restores = CONFIG["pretraining"][r["pretraining"]]["loss"] != "contrastive"
        assert bool(r["restoration_error"]) == restores
        if restores:
            assert float(r["smoothing_error"]) <= float(r["corrupted_error"])


def test_one_process_gives_the_same_bytes(place, small):
    assert run("study", place / "small.json", "--out", place / "one", "--jobs", 1).code == 0
    assert files(place / "one") == files(small)


def start(place, out):
    return subprocess.Popen([PROGRAM, "study", place / "small.json", "--out", out, "--jobs", "2"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_results(process, out, count):
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        if (out / "runs").exists() and len(list((out / "runs").glob("*.json"))) >= count:
            return
        time.sleep(0.005)
    raise AssertionError(f"no results came: {process.poll()} {process.stderr.read() if process.poll() is not None else None}")


def test_a_killed_study_goes_on_to_the_same_bytes(place, small):
    out = place / "killed"
    process = start(place, out)
    wait_for_results(process, out, 1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process = start(place, out)
    wait_for_results(process, out, 3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "the same command goes on" in err
    assert not json.loads((out / "summary.json").read_text())["complete"]
    before = set((out / "runs").iterdir())
    again = run("study", place / "small.json", "--out", out)
    assert again.code == 0, again.err
    assert files(out) == files(small)
    # What was finished is not done again.
    told = [line.split()[0] for line in again.err.splitlines() if "validation Dice" in line]
    assert not {f"{key}.json" for key in told} & {p.name for p in before}


def test_results_without_their_models_are_enough(place, small):
    out = place / "moved"
    (out / "runs").mkdir(parents=True)
    for path in (small / "runs").iterdir():
        (out / "runs" / path.name).write_bytes(path.read_bytes())
    result = run("study", place / "small.json", "--out", out)
    assert result.code == 0 and list((out / "models").iterdir()) == []
    # And one that is missing makes the pretraining that it needs once more.
    lost = next(p for p in sorted((out / "runs").glob("finetune-*"))
                if "initial" in json.loads(p.read_text())["task"])
    kept = lost.read_bytes()
    lost.unlink()
    assert run("study", place / "small.json", "--out", out).code == 0
    assert lost.read_bytes() == kept
    assert (out / "results.csv").read_bytes() == (small / "results.csv").read_bytes()


def test_a_time_limit_leaves_the_rest_for_later(place):
    out = place / "short"
    result = run("study", place / "small.json", "--out", out, "--minutes", 0.0001)
    assert result.code == 0, result.err
    assert "goes on with it" in result.err
    assert run("study", place / "small.json", "--out", out, "--report", "--json").json[
        "complete"] is False


def test_two_studies_do_not_share_a_folder(place, small):
    with open(small / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run("study", place / "small.json", "--out", small).failed(4, "is running")
        assert run("study", place / "small.json", "--out", small, "--report").code == 0


def test_without_gnuplot_the_tables_are_there(place, done):
    out = place / "unplotted"
    (out / "runs").mkdir(parents=True)
    for path in (done / "runs").iterdir():
        (out / "runs" / path.name).write_bytes(path.read_bytes())
    result = run("study", place / "study.json", "--out", out, "--report",
                 env={**os.environ, "PATH": str(place)})
    assert result.code == 0 and "gnuplot is not installed" in result.err
    assert (out / "results.csv").read_bytes() == (done / "results.csv").read_bytes()
    assert not (out / "plot.png").exists()


def changed(**changes):
    config = json.loads(json.dumps(CONFIG))
    for path, value in changes.items():
        at = config
        *parents, last = path.split("__")
        for name in parents:
            at = at[int(name[1:])] if name.startswith("_") else at[name]
        if value is None:
            del at[last]
        else:
            at[last] = value
    return config


@pytest.mark.parametrize("config, words", [
    (changed(stepz=3), ["stepz", "there are"]),
    (changed(steps=None), ["'steps' is missing"]),
    (changed(steps=2.5), ["'steps'", "whole number"]),
    (changed(size=40), ["multiple of 32"]),
    (changed(precision="half"), ["float32 bfloat16"]),
    (changed(data="nowhere"), ["nowhere"]),
    (changed(folds=[]), ["'folds'"]),
    (changed(folds=[{"test": ["z"], "validation": ["c"]}]), ["'z'"]),
    (changed(folds=[{"test": ["a"], "validation": ["a"]}]), ["'a'", "cannot measure"]),
    (changed(budgets=[9]), ["9 labels is more than the 3"]),
    (changed(budgets=["some"]), ["'budgets'"]),
    (changed(choose={"budget": 2}), ["'choose'", "'budgets'"]),
    (changed(arms__scratch=None), ["from scratch"]),
    (changed(arms__both={"pretraining": "third"}), ["'third'"]),
    (changed(arms__both={"pretraining": "joint", "transfer": "head"}), ["encoder+decoder"]),
    (changed(pretraining__masked__corruption="noise"), ["masked-patches"]),
    (changed(pretraining__joint__after="joint"), ["second stage"]),
    (changed(pretraining__joint__corruption_of="scratch"), ["corruption_of"]),
])
def test_a_wrong_configuration_is_told_before_anything_is_done(place, tmp_path, config, words):
    (place / "wrong.json").write_text(json.dumps(config))
    result = run("study", place / "wrong.json", "--out", tmp_path / "out")
    assert result.failed(3, *words)
    assert not (tmp_path / "out").exists()


def test_wrong_requests(place, tmp_path):
    (place / "broken.json").write_text("{")
    assert run("study", place / "broken.json", "--out", tmp_path / "x").failed(3, "line 1")
    assert run("study", place / "missing.json", "--out", tmp_path / "x").failed(3, "missing.json")
    assert run("study", place / "study.json").failed(2, "--out")
    assert run("study", place / "study.json", "--out", tmp_path / "no" / "x").failed(3, "--out")
    assert run("study", place / "study.json", "--out", tmp_path / "x", "--report").failed(
        3, "no study")


def test_a_case_that_cannot_be_read_ends_its_runs_and_is_named(place, tmp_path):
    (tmp_path / "cases").mkdir()
    for path in (place / "cases").iterdir():
        (tmp_path / "cases" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "cases" / "e_image.nii.gz").write_bytes(b"damaged")
    (tmp_path / "study.json").write_text(json.dumps(changed(pretraining={}, arms={"scratch": {}})))
    result = run("study", tmp_path / "study.json", "--out", tmp_path / "out")
    assert result.failed(3, "'e' is left out", "failed")
    assert (tmp_path / "out" / "results.md").exists()
