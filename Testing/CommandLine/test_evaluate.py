"""frugalseg evaluate: Dice and HD95 per case."""
import nibabel
import numpy as np
import pytest
from conftest import bright_ball, entries, run, write_image


@pytest.fixture
def cases(tmp_path):
    folder = tmp_path / "cases"
    folder.mkdir()
    for i, name in enumerate(["a", "b", "c"]):
        image, label = bright_ball(seed=i, centre=(20 + i, 28, 5))
        write_image(folder / f"{name}_image.nii.gz", image)
        write_image(folder / f"{name}_label.nii.gz", (label * 4).astype(np.uint8))
    return folder


def evaluate(model, data, *more):
    return run("evaluate", "--model", model, "--data", data, "--label", 4, *more)


def test_every_case_is_measured(model, cases, tmp_path):
    result = evaluate(model, cases, "--json")
    assert result.code == 0, result.err
    answer = result.json
    assert [c["case"] for c in answer["cases"]] == ["a", "b", "c"]
    for case in answer["cases"]:
        assert set(case) >= {"case", "dice", "hd95_mm", "volume_ml", "truth_ml"}
    for key in ("dice", "hd95_mm", "volume_ml", "truth_ml"):
        assert answer["mean"][key] == pytest.approx(np.mean([c[key] for c in answer["cases"]]))
    assert answer["failed"] == []
    # The same mask as `segment`, measured here.
    assert run("segment", "--model", model, "--in", cases / "b_image.nii.gz", "--out",
               tmp_path / "out").code == 0
    mask = np.asarray(nibabel.load(tmp_path / "out" / "mask.nii.gz").dataobj) > 0
    truth = np.asarray(nibabel.load(cases / "b_label.nii.gz").dataobj) == 4
    both = 2 * (mask & truth).sum() / (mask.sum() + truth.sum())
    assert answer["cases"][1]["dice"] == pytest.approx(both, abs=1e-9)
    assert answer["cases"][1]["truth_ml"] == pytest.approx(truth.sum() * 0.063)


def test_the_table_shows_the_same(model, cases):
    lines = evaluate(model, cases).out.splitlines()
    assert [l.split()[0] for l in lines] == ["case", "a", "b", "c", "mean"]


def test_cases_can_be_chosen(model, cases):
    names = lambda *o: [c["case"] for c in evaluate(model, cases, "--json", *o).json["cases"]]
    assert names("--only", "a,c") == ["a", "c"]
    assert names("--exclude", "b") == ["a", "c"]
    assert evaluate(model, cases, "--only", "a,z").failed(2, "'z'")


def test_an_unusable_case_is_named_and_the_others_are_done(model, cases):
    (cases / "b_image.nii.gz").write_bytes(b"damaged")
    (cases / "c_label.nii.gz").unlink()
    result = evaluate(model, cases, "--json")
    assert result.code == 3
    assert [c["case"] for c in result.json["cases"]] == ["a"]
    assert [f["case"] for f in result.json["failed"]] == ["b", "c"]
    assert "'b'" in result.err and "'c'" in result.err


def test_a_folder_without_cases(model, tmp_path):
    assert evaluate(model, tmp_path).failed(3, "NAME_image.nii.gz")
    assert evaluate(model, tmp_path / "absent").failed(3, "does not exist")
    assert entries(tmp_path) == []
