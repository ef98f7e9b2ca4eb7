"""F17: identifiers planted into a series must be in no log, report, model, label, study or export.

The commands run as a user runs them; all that they print and write is searched, packed files unpacked. A DICOM SEG keeps
the patient, the study and the references of its source, because it belongs to that study: those are the only ones that it
may hold (planted.py, SEG_KEEPS). What names the file that the user typed (a message about a path that does not exist), and
lists of series to choose from (`info`), are for the screen and not tried.
"""

import json
import os
import shutil
import subprocess
import sys

import data
import figure
import planted


class Trail:
    """What the commands printed."""

    def __init__(self, folder):
        self.logs = []
        self.environment = {**os.environ, "XDG_DATA_HOME": str(folder / "home")}

    def run(self, *arguments, check=True):
        result = figure.program(*arguments, check=check, env=self.environment)
        self.logs.append((f"output of {arguments[0]}", result.stdout + result.stderr))
        return result


def segment(trail, series, image, out):
    trail.run("segment", "--in", series, "--model", "liver-t2", "--out", out / "dicom", "--json", "--threads", 1)
    trail.run("segment", "--in", series, "--model", "liver-t2", "--out", out / "dicom", "--threads", 1)
    trail.run("segment", "--in", image, "--model", "liver-t2", "--out", out / "nifti", "--threads", 1)


def learn(trail, cases, series, out):
    names = sorted(p.name.removesuffix("_image.nii.gz") for p in cases.glob("*_image.nii.gz"))
    fast = ["--batch", 2, "--size", 32, "--spacing", 6, "--threads", 1]
    trail.run("train", "--data", cases, "--out", out / "model.fseg", *fast, "--steps", 3, "--fold", "2/3", "--log",
              out / "train.jsonl", "--json", "--card", data.card(out / "card.json"))  # fmt: skip
    trail.run("pretrain", "--data", series.parent, "--out", out / "pre.fseg", "--loss", "both", "--size", 32, "--batch", 2,
              "--volumes", 2, "--partitions", 2, "--steps", 2, "--spacing", 6, "--log", out / "pre.jsonl", "--json")  # fmt: skip
    trail.run("finetune", "--data", cases, "--init", out / "pre.fseg", "--out", out / "tuned.fseg", *fast, "--steps", 2,
              "--log", out / "tune.jsonl", "--json", check=False)  # fmt: skip
    trail.run("evaluate", "--model", out / "model.fseg", "--data", cases, "--json", check=False)
    trail.run("evaluate", "--model", out / "model.fseg", "--data", cases, check=False)
    trail.run("export", "--onnx", "--model", out / "model.fseg", "--out", out / "model.onnx")
    trail.run("models", "install", out / "model.fseg", check=False)
    trail.run("models", "list")
    study = {"data": str(cases), "size": 32, "spacing_mm": 6, "steps": 2, "batch": 2, "phantoms": 0,
             "learning_rates": [1e-3], "folds": [{"test": names[:1], "validation": names[1:2]}], "budgets": [1],
             "subsets": 1, "seeds": [1], "choose": {"budget": 1, "subset": 1}, "pretraining": {},
             "arms": {"scratch": {}}}  # fmt: skip
    config = trail_config(out, study)
    trail.run("study", config, "--out", out / "study", "--jobs", 1, check=False)


def trail_config(out, study):
    """The configuration is the user's own file, and so outside of what is searched."""
    path = out.parent / "study.json"
    path.write_text(json.dumps(study))
    return path


def loop(trail, series, out):
    """The annotation loop as the viewer and the Slicer module do it; whether it could be tried."""
    package = figure.BUILD / "python"
    if not list((package / "frugalseg").glob("vtkSlicerFrugalSegModuleLogic*.so")):
        return False
    script = figure.SOURCE / "Testing/Trust/scene_steps.py"
    result = subprocess.run([sys.executable, "-B", str(script), str(series), str(out)], capture_output=True, text=True,
                            env={**trail.environment, "PYTHONPATH": str(package)})  # fmt: skip
    if result.returncode:
        raise RuntimeError(f"the loop failed: {result.stderr[-600:]}")
    trail.logs.append(("output of the loop", result.stdout + result.stderr))
    return True


def measure(run):
    phantom = data.phantom(run.folder / "phantom", size=64, slices=8)
    source = run.folder / "source"
    series = source / planted.FOLDER / "series"
    words = planted.plant(phantom / "dicom", series)
    image = source / planted.FOLDER / f"{planted.FILE}.nii.gz"
    planted.plant_nifti(phantom / "image.nii.gz", image)
    cases = data.cases(source / planted.FOLDER / "cases",
                       ["Xyloquist_Wilhelmina", planted.FILE, "PIDQ48151623", "case_0001"])  # fmt: skip
    broken = cases / "Operatorio_Gus_image.nii.gz"
    broken.write_bytes(b"no image")
    shutil.copy(cases / "case_0001_label.nii.gz", cases / "Operatorio_Gus_label.nii.gz")
    out = run.folder / "written"
    out.mkdir()
    trail = Trail(out)
    segment(trail, series, image, out)
    learn(trail, cases, series, out)
    looped = loop(trail, series, out / "loop")

    logs = [(name, text.replace(str(run.folder), "")) for name, text in trail.logs]
    seg_words = {what: some for what, some in words.items() if what not in planted.SEG_KEEPS}
    files = [p for p in out.rglob("*") if p.is_file()]
    segs = [p for p in files if p.suffix == ".dcm"]
    found = planted.search([p for p in files if p not in segs], words, logs) + planted.search(segs, seg_words)
    for what, where in found:
        run.say(f"{what} in {where}")
    # The search must be able to find: in the source everything is there.
    blind = set(words) - {what for what, _ in planted.search([p for p in source.rglob("*") if p.is_file()], words)}
    blind -= {"name of a folder"}
    kinds = {what for what, _ in found}
    value = (f"{len(kinds)} of {len(words)} found in {len(files)} files and {len(logs)} outputs; in {len(segs)} DICOM SEGs "
             f"nothing but the {len(planted.SEG_KEEPS)} attributes of the source's patient, study and references")  # fmt: skip
    if kinds:
        value = f"{len(kinds)} of {len(words)} found: {', '.join(sorted(kinds))}"
    if blind:
        value += f"; the search did not find {', '.join(sorted(blind))} in the source"
    if not looped:
        value += "; labels of the loop and exports of the viewer not tried (not built)"
    return run.result(value, not kinds and not blind and len(words) >= 30 and (looped or run.quick))


if __name__ == "__main__":
    figure.main("F17", "planted identifiers found in logs, reports, models, labels, studies, exports and scenes",
                "0 of 30 or more", measure)  # fmt: skip
