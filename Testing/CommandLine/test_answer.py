"""How an answer becomes a mask: evaluate's options, its store, shifted images; segment --average."""
import nibabel
import numpy as np
import pytest
from conftest import CARD, bright_ball, make_model, run, write_image


@pytest.fixture
def cases(tmp_path):
    folder = tmp_path / "cases"
    folder.mkdir()
    for i, name in enumerate(["case_1", "case_2"]):
        image, label = bright_ball(seed=i, centre=(20 + i, 28, 5))
        label = label.astype(np.uint8)
        label[45:50, 25:30, 4:7] = 4  # another organ
        write_image(folder / f"{name}_image.nii.gz", image)
        write_image(folder / f"{name}_label.nii.gz", label)
    return folder


def evaluate(model, data, *more):
    result = run("evaluate", "--model", model, "--data", data, "--label", 1, "--json", *more)
    assert result.code == 0, result.err
    return result.json


def dice(answer):
    return [case["dice"] for case in answer["cases"]]


def figures(answer):
    return [(case["dice"], case["volume_ml"]) for case in answer["cases"]]


def test_without_options_and_with_neutral_ones_the_figures_are_the_same(model, cases):
    plain = evaluate(model, cases)
    assert "answer" not in plain
    neutral = evaluate(model, cases, "--average", "none", "--smooth", 0, "--keep", "largest")
    assert neutral["answer"] == {"average": [], "smooth_mm": 0.0, "smooth_through_mm": 0.0,
                                 "fill_holes": False, "keep": "largest", "shift": "none"}
    assert dice(neutral) == pytest.approx(dice(plain), abs=1e-9)


def test_what_the_card_says_is_what_segment_does(cases, tmp_path):
    path = tmp_path / "m.fseg"
    make_model(path, {**CARD, "average": ["flip-columns"], "smooth_mm": 4, "fill_holes": True})
    image = cases / "case_2_image.nii.gz"
    assert run("segment", "--model", path, "--in", image, "--out", tmp_path / "a").code == 0
    mask = np.asarray(nibabel.load(tmp_path / "a" / "mask.nii.gz").dataobj) > 0
    truth = np.asarray(nibabel.load(cases / "case_2_label.nii.gz").dataobj) == 1
    expected = 2 * (mask & truth).sum() / (mask.sum() + truth.sum())
    by_card, by_options = evaluate(path, cases), evaluate(path, cases, "--keep", "largest")
    assert dice(by_card)[1] == pytest.approx(expected, abs=1e-9)
    assert by_options["answer"]["average"] == ["flip-columns"]
    assert dice(by_options) == pytest.approx(dice(by_card), abs=1e-3)


def test_segment_averages_views_when_asked(model, cases, tmp_path):
    image = cases / "case_1_image.nii.gz"
    for name, more in (("plain", []), ("views", ["--average", "smaller,larger"])):
        result = run("segment", "--model", model, "--in", image, "--out", tmp_path / name, "--json",
                     *more)
        assert result.code == 0, result.err
        if more:
            assert result.json["answer"]["average"] == ["smaller", "larger"]
            assert result.json["seconds"]["network"] > 0
        else:
            assert "answer" not in result.json
    plain, views = (nibabel.load(tmp_path / n / "mask.nii.gz").get_fdata() for n in ("plain", "views"))
    assert (plain != views).any()
    assert run("segment", "--model", model, "--in", image, "--out", tmp_path / "x", "--average",
               "upside-down").failed(2, "upside-down")


def test_stored_answers_are_used_again_and_belong_to_one_model(model, cases, tmp_path):
    store = tmp_path / "store"
    first = evaluate(model, cases, "--average", "larger", "--store", store)
    files = sorted(p.name for p in store.iterdir())
    assert files == sorted(["model.sha256"] + [f"case_{i}-none-{v}.nrrd" for i in (1, 2)
                                               for v in ("plain", "larger")])
    stamps = {p: p.stat().st_mtime_ns for p in store.iterdir()}
    again = evaluate(model, cases, "--average", "larger", "--smooth", 5, "--store", store)
    assert {p: p.stat().st_mtime_ns for p in store.iterdir()} == stamps
    assert figures(again) != figures(first)
    assert dice(evaluate(model, cases, "--average", "larger")) == pytest.approx(dice(first), abs=1e-6)
    other = tmp_path / "other.fseg"
    make_model(other, CARD, seed=9)
    result = run("evaluate", "--model", other, "--data", cases, "--store", store)
    assert result.code == 3 and "another model" in result.err


@pytest.mark.parametrize("shift", ["dark", "bright", "bias", "noise"])
def test_shifted_images_change_the_answer_the_same_way_every_time(model, cases, tmp_path, shift):
    answers = []
    for name, kind in (("a", shift), ("b", shift), ("c", "none")):
        result = evaluate(model, cases, "--shift", kind, "--store", tmp_path / name)
        assert result["answer"]["shift"] == kind
        assert [c["truth_ml"] for c in result["cases"]] == pytest.approx([233.037, 233.037], rel=0.2)
        answers.append([(tmp_path / name / f"case_{i}-{kind}-plain.nrrd").read_bytes() for i in (1, 2)])
    assert answers[0] == answers[1] and answers[0][0] != answers[2][0]


@pytest.mark.parametrize("wrong", [["--shift", "darker"], ["--average", "larger,sideways"],
                                   ["--fill-holes", "yes"], ["--keep", "two"], ["--smooth", 21]])
def test_wrong_options_are_told(model, cases, wrong):
    assert run("evaluate", "--model", model, "--data", cases, *wrong).failed(2, wrong[0])


def test_training_with_everything_on_goes_on_after_an_interruption(cases, tmp_path):
    options = ["train", "--data", cases, "--label", 1, "--fold", "1/2", "--batch", 2, "--size", 64,
               "--spacing", 3, "--threads", 2, "--steps", 8, "--recolour", 2, "--average", 0.9,
               "--deep-supervision", 0.5, "--checkpoint-every", 4]
    assert run(*options, "--out", tmp_path / "whole.fseg").code == 0
    card = run("info", tmp_path / "whole.fseg", "--json").json["card"]["training"]
    assert (card["recolour"], card["average_decay"], card["deep_supervision"]) == (2, 0.9, 0.5)
    plain = [o for o in options if o not in ("--average", 0.9)]
    assert run(*plain, "--out", tmp_path / "last.fseg").code == 0
    assert (tmp_path / "whole.fseg").read_bytes() != (tmp_path / "last.fseg").read_bytes()
    again = tmp_path / "again.fseg"
    kept = tmp_path / "kept.checkpoint"
    assert run(*options, "--out", again, "--checkpoint", kept).code == 0
    assert again.read_bytes() == (tmp_path / "whole.fseg").read_bytes(), "same seed, same bytes"
    assert run(*options, "--out", again, "--checkpoint", kept, "--resume").code == 0
    assert again.read_bytes() == (tmp_path / "whole.fseg").read_bytes(), "from the last step"


def test_a_run_can_end_before_its_schedule_and_go_on_to_the_same_end(cases, tmp_path):
    options = ["train", "--data", cases, "--label", 1, "--batch", 2, "--size", 64, "--spacing", 3,
               "--threads", 2, "--steps", 6, "--average", 0.9]
    kept = tmp_path / "kept.checkpoint"
    early = run(*options, "--stop-at", 3, "--out", tmp_path / "early.fseg", "--checkpoint", kept, "--json")
    assert early.code == 0 and early.json["steps"] == 3, early.err
    card = run("info", tmp_path / "early.fseg", "--json").json["card"]["training"]
    assert (card["steps"], card["schedule_steps"]) == (3, 6)
    assert run(*options, "--out", tmp_path / "on.fseg", "--checkpoint", kept, "--resume").code == 0
    assert run(*options, "--out", tmp_path / "whole.fseg").code == 0
    assert (tmp_path / "on.fseg").read_bytes() == (tmp_path / "whole.fseg").read_bytes()


def test_a_model_trained_on_phantoms_alone_has_seen_no_case(cases, tmp_path):
    result = run("train", "--data", cases, "--label", 1, "--exclude", "case_1,case_2", "--phantoms", 1,
                 "--recolour", 1, "--batch", 2, "--size", 64, "--spacing", 4, "--steps", 2, "--threads",
                 2, "--out", tmp_path / "free.fseg", "--json")
    assert result.code == 0, result.err
    assert result.json["cases"] == 0 and len(result.json["validation"]["cases"]) == 2
    assert result.json["phantoms"] == 1
    alone = run("train", "--label", 1, "--phantoms", 1, "--recolour", 1, "--batch", 2, "--size", 64,
                "--spacing", 4, "--steps", 2, "--threads", 2, "--out", tmp_path / "alone.fseg")
    assert alone.code == 0, alone.err
    assert run("train", "--phantoms", 1, "--fold", "1/2", "--out", tmp_path / "x.fseg").failed(2, "--data")
