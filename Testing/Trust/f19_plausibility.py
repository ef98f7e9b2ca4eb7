"""F19: planted failures that a warning or a refusal announces, and false alarms on good cases.

Everything is a NIfTI file, so that no header of DICOM helps: the checks see the voxels, the geometry and the answer of the
network. Good cases are phantoms whose mask has a Dice of 0.8 or more, and the public series of the liver (the shipped model
was trained on these, so their share of false alarms is a lower bound). Each good case is then made into failures:

    wrong organ     the slices below the liver only
    wrong contrast  grey values turned round inside the body
    noise           Rician noise as strong as the signal
    blank           nothing but the noise of the air
    CT-like         air, fat, soft tissue and bone at the values of CT

Beyond that list, and not in the share: a patient who lies upside down, front and back exchanged against the header. Such a
mask may still lie on the liver.
"""

import json

import data
import figure
import nibabel
import numpy as np


def body_of(voxels):
    return voxels > np.percentile(voxels, 40)


def wrong_organ(voxels, truth, random):
    inside = np.flatnonzero(truth.any(axis=(0, 1)))
    below, above = inside[0], voxels.shape[2] - inside[-1] - 1
    part = voxels[:, :, :below] if below >= above else voxels[:, :, inside[-1] + 1 :]
    return part if part.shape[2] >= 3 else None


def wrong_contrast(voxels, truth, random):
    high = np.percentile(voxels, 99.5)
    return np.where(body_of(voxels), np.clip(high - voxels, 0, high), voxels)


def noise(voxels, truth, random):
    sigma = np.percentile(voxels, 99) / 2
    return np.hypot(voxels / 4 + random.normal(0, sigma, voxels.shape), random.normal(0, sigma, voxels.shape))


def blank(voxels, truth, random):
    return np.hypot(random.normal(0, 5, voxels.shape), random.normal(0, 5, voxels.shape))


def ct_like(voxels, truth, random):
    high = np.percentile(voxels, 99)
    relative = np.clip(voxels / high, 0, 1)
    tissue = np.where(relative > 0.8, -100, 40 + 20 * relative)  # fat is bright in MR, dark in CT
    tissue = np.where(truth > 0, 60, tissue)
    return np.where(body_of(voxels), tissue, -1000) + random.normal(0, 12, voxels.shape)


def upside_down(voxels, truth, random):
    return voxels[:, ::-1, :]


FAILURES = {"wrong organ": wrong_organ, "wrong contrast": wrong_contrast, "noise": noise, "blank": blank,
            "CT-like": ct_like}  # fmt: skip
BESIDES = {"upside down": upside_down}


def good_cases(run):
    """(name, image, truth) of phantoms and of the public series, where they are there."""
    for seed in range(101, 103 if run.quick else 113):
        folder = data.phantom(run.folder / f"p{seed}", seed, size=192, slices=30)
        yield f"phantom {seed}", nibabel.load(folder / "image.nii.gz"), np.asarray(
            nibabel.load(folder / "truth.nii.gz").dataobj) == 1  # fmt: skip
    real = sorted((figure.SHARED / "data/chaos-t2spir-nc").glob("*_image.nii.gz"))
    for path in real[:1] if run.quick else real:
        label = path.with_name(path.name.replace("_image", "_label"))
        yield path.name.split("_image")[0], nibabel.load(path), np.asarray(nibabel.load(label).dataobj) == 1


def flagged(run, voxels, affine, truth=None):
    """The words of the warnings, or the refusal; and the Dice with the truth."""
    image, out, more = run.folder / "case.nii.gz", run.folder / "out", []
    nibabel.save(nibabel.Nifti1Image(voxels.astype(np.float32), affine), image)
    if truth is not None:
        nibabel.save(nibabel.Nifti1Image(truth.astype(np.uint8), affine), run.folder / "truth.nii.gz")
        more = ["--truth", run.folder / "truth.nii.gz"]
    result = figure.program("segment", "--in", image, "--model", "liver-t2", "--out", out, "--json", *more, check=False)
    if result.returncode:
        return ["refused"], 0.0
    report = json.loads(result.stdout)
    return report["warnings"], report.get("agreement", {}).get("dice")


def measure(run):
    alarms, good, caught, planted, left_out = 0, 0, {}, {}, 0
    for name, image, truth in good_cases(run):
        voxels = np.asarray(image.dataobj, np.float32)
        warnings, dice = flagged(run, voxels, image.affine, truth)
        if dice < 0.8:  # no good case: its warnings are right or wrong, but no false alarms
            left_out += 1
            continue
        good += 1
        alarms += bool(warnings)
        run.say(f"{name}: Dice {dice:.3f}, {warnings or 'no warning'}")
        random = np.random.default_rng(good)
        for kind, make in (FAILURES | BESIDES).items():
            failure = make(voxels, truth, random)
            if failure is None:
                continue
            words, _ = flagged(run, failure, image.affine)
            planted[kind] = planted.get(kind, 0) + 1
            caught[kind] = caught.get(kind, 0) + bool(words)
    total, hits = (sum(counts.get(kind, 0) for kind in FAILURES) for counts in (planted, caught))
    kinds = ", ".join(f"{kind} {caught[kind]}/{planted[kind]}" for kind in planted if kind in FAILURES)
    besides = ", ".join(f"{kind} {caught[kind]}/{planted[kind]}" for kind in planted if kind in BESIDES)
    share, false = 100 * hits / max(1, total), 100 * alarms / max(1, good)
    value = (f"{share:.0f} % of {total} flagged ({kinds}; besides: {besides}); false alarms on {alarms} of {good} good cases ({false:.0f} %); "
             f"{left_out} phantoms with a poor mask left out")  # fmt: skip
    enough = total >= (6 if run.quick else 100)
    return run.result(value, enough and share >= (80 if run.quick else 95) and false <= 5)


if __name__ == "__main__":
    figure.main("F19", "planted failures flagged, and false alarms on good cases",
                "95 % or more; 5 % or less", measure)  # fmt: skip
