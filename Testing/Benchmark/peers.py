"""FrugalSeg against ONNX Runtime, OpenVINO and PyTorch on this machine (`make bench-peers`).

Same weights (through `frugalseg export --onnx`), same input, same number of threads, one process.
In every round each contender has one turn, in an order that rotates, so that drift of a shared
machine meets all of them alike. Medians over rounds, and medians of the ratios within a round.

usage: peers.py --out FOLDER [--rounds N] [--only inference,training,avx2,curves] [--quick]
Environment: FRUGALSEG_PROGRAM, FRUGALSEG_COMPUTE_LIBRARY, FRUGALSEG_SOURCE_DIR.
Writes FOLDER/peers.json, peers.md, performance.svg.
"""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import nibabel
import numpy as np

import contenders as c
import peers_report

LOGITS_TOLERANCE = {"fp32": 1e-3, "bf16": 0.2}  # of the largest logit, against ours portable
MASK_DICE = {"fp32": 0.9995, "bf16": 0.99}
LOSS_TOLERANCE = {"fp32": 1e-3, "bf16": 0.05}


class Unequal(Exception):
    """Contenders that do not compute the same: timing them would say nothing."""


def quiet(limit=1.2, patience=20):
    """Wait a while for other processes to end; the load is recorded in any case."""
    start = time.monotonic()
    while os.getloadavg()[0] > limit + c.THREADS and time.monotonic() - start < patience:
        time.sleep(5)


def rounds_of(turns, rounds):
    """Name -> seconds of each round; turns are called once to warm up."""
    names = list(turns)
    for name in names:
        turns[name]()
    times = {name: [] for name in names}
    for r in range(rounds):
        for k in range(len(names)):
            name = names[(k + r) % len(names)]
            # A second call straight after another contender's turn would pay for its cache and
            # its waking threads: one call to settle, the next one counts.
            turns[name]()
            start = time.perf_counter()
            turns[name]()
            times[name].append(time.perf_counter() - start)
    return times


def summarize(times, per, precision_of):
    """Rows with median milliseconds and the median ratio to ours of the same precision."""
    rows = []
    for name, values in times.items():
        precision = precision_of[name]
        own = next((n for n in times if n.startswith("frugalseg") and precision_of[n] == precision),
                   None)
        ratio = statistics.median(t / o for t, o in zip(values, times[own])) if own else None
        rows.append({"name": name, "precision": precision,
                     "ms": round(1e3 * statistics.median(values) / per, 3),
                     "fastest_ms": round(1e3 * min(values) / per, 3),
                     "ours_is_faster_by": ratio and round(ratio, 3), "rounds": len(values)})
    return rows


# ---- inference ---------------------------------------------------------------------------------

def inference_contenders(paths, model, shape, capped):
    isas = c.fs.available_isas()
    fp32 = "avx2" if capped else isas[-1]
    made = {f"frugalseg {fp32}": (c.Ours(model, fp32, shape), "fp32")}
    if not capped and c.fs.library.fseg_isa_available(4):
        made["frugalseg avx512bf16"] = (c.Ours(model, "avx512bf16", shape), "bf16")
    made["onnxruntime"] = (c.OnnxRuntime(str(paths["onnx"])), "fp32")
    made["openvino"] = (c.OpenVino(paths["onnx"], shape, "f32"), "fp32")
    made["pytorch channels-last"] = (c.Torch(model, False), "fp32")
    if not capped:
        made["openvino bf16"] = (c.OpenVino(paths["onnx"], shape, "bf16"), "bf16")
        if made["openvino bf16"][0].precision.find("bf") < 0:
            del made["openvino bf16"]  # this processor has none: it would run in fp32
        made["pytorch bf16 autocast"] = (c.Torch(model, True), "bf16")
    return made


def check_agreement(made, images, reference):
    """Every contender against our portable path, before anything is timed."""
    found = {}
    for name, (contender, precision) in made.items():
        logits = contender.forward(images)
        error = float(np.abs(logits - reference).max() / np.abs(reference).max())
        a, b = logits[:, 1] > logits[:, 0], reference[:, 1] > reference[:, 0]
        dice = float(2 * (a & b).sum() / max(a.sum() + b.sum(), 1)) if (a | b).any() else 1.0
        found[name] = {"logits_relative_error": error, "mask_dice": dice}
        if hasattr(contender, "primitives"):
            found[name]["convolutions"] = contender.primitives
        if error > LOGITS_TOLERANCE[precision] or dice < MASK_DICE[precision]:
            raise Unequal(f"{name}: logits differ by {error:.2g}, masks' Dice is {dice:.4f}")
    return found


def phantom(folder):
    """Slices of the abdominal phantom at the 2 mm that the network sees, its grey values as the
    model cards say: 1st and 99th percentile of the foreground to 0 and 1."""
    subprocess.run([os.environ["FRUGALSEG_PROGRAM"], "synth", "--quiet", "--seed", "1", "--size",
                    "256", "--spacing", "2", "--out", folder / "phantom"], check=True,
                   capture_output=True)
    image = np.asanyarray(nibabel.load(folder / "phantom" / "image.nii.gz").dataobj)
    image = image.astype(np.float32).transpose(2, 1, 0)
    low, high = np.percentile(image[image > image.mean() / 4], [1, 99])
    return np.clip((image - low) / (high - low), 0, 1).astype(np.float32)


def images_of(slices, shape):
    """Batch of phantom slices with their neighbours as channels, repeated or cut to the size."""
    batch, channels, height, width = shape
    middle = len(slices) // 2
    chosen = np.stack([slices[(np.arange(channels) - channels // 2 + middle + n // 2 * (-1) ** n)
                              % len(slices)] for n in range(batch)])
    wide = np.pad(chosen, ((0, 0), (0, 0), (0, max(0, height - 256)), (0, max(0, width - 256))),
                  mode="wrap")
    top, left = (wide.shape[2] - height) // 2, (wide.shape[3] - width) // 2
    return np.ascontiguousarray(wide[:, :, top:top + height, left:left + width])


def measure_inference(paths, model, size, batch, rounds, capped):
    shape = (batch, model.config.in_channels, size, size)
    images = images_of(paths["slices"], shape)
    reference = c.Ours(model, "portable", shape).forward(images).copy()
    made = inference_contenders(paths, model, shape, capped)
    agreement = check_agreement(made, images, reference)
    quiet()
    times = rounds_of({n: lambda k=k: k.forward(images) for n, (k, _) in made.items()}, rounds)
    rows = summarize(times, batch, {n: p for n, (_, p) in made.items()})
    return {"size": size, "batch": batch, "load": os.getloadavg()[0], "agreement": agreement,
            "rows": rows}


# ---- training ----------------------------------------------------------------------------------

def measure_training(paths, model, size, batch, rounds, capped):
    shape = (batch, model.config.in_channels, size, size)
    images = images_of(paths["slices"], shape)
    labels = np.zeros((batch, size, size), np.uint8)
    labels[:, size // 4: size // 2, size // 4: 3 * size // 4] = 1
    isa = "avx2" if capped else c.fs.available_isas()[-1]
    made = {f"frugalseg {isa}": (c.OursTraining(paths["model"], isa, shape), "fp32")}
    if not capped and isa == "avx512" and c.fs.library.fseg_isa_available(4):
        made["frugalseg avx512bf16"] = (c.OursTraining(paths["model"], isa, shape, True), "bf16")
    made["pytorch channels-last"] = (c.TorchTraining(model, False), "fp32")
    if not capped:
        made["pytorch bf16 autocast"] = (c.TorchTraining(model, True), "bf16")
    losses = {n: t.step(images, labels) for n, (t, _) in made.items()}
    expected = losses["pytorch channels-last"]
    for name, (_, precision) in made.items():
        if abs(losses[name] / expected - 1) > LOSS_TOLERANCE[precision]:
            raise Unequal(f"{name}: first loss {losses[name]:.5f}, PyTorch's {expected:.5f}")
    quiet()
    times = rounds_of({n: lambda t=t: t.step(images, labels) for n, (t, _) in made.items()},
                      rounds)
    rows = summarize(times, batch, {n: p for n, (_, p) in made.items()})
    return {"size": size, "batch": batch, "load": os.getloadavg()[0], "first_losses": losses,
            "rows": rows}


# ---- curves ------------------------------------------------------------------------------------

def measure_curves(paths, model, quick):
    """Cost of one slice against pixels, and of a batch against slices at 256 x 256: the fastest
    of three turns, which neighbours on the machine disturb least."""
    sizes = [32, 64] if quick else [64, 96, 128, 192, 256, 384, 512]
    slices = [1, 2] if quick else [1, 2, 4, 8, 16, 32]
    side = 64 if quick else 256
    result = {"pixels": [], "slices": []}
    for kind, shapes in (("pixels", [(1, s) for s in sizes]), ("slices", [(n, side) for n in slices])):
        for batch, size in shapes:
            shape = (batch, model.config.in_channels, size, size)
            images = images_of(paths["slices"], shape)
            made = inference_contenders(paths, model, shape, False)
            times = rounds_of({n: lambda k=k: k.forward(images) for n, (k, _) in made.items()},
                              1 if quick else 3)
            result[kind].append({"size": size, "slices": batch,
                                 "ms": {n: round(1e3 * min(t), 3)
                                        for n, t in times.items()}})
    return result


# ---- everything --------------------------------------------------------------------------------

def find_model(folder):
    """liver-t2 where it exists, else untrained weights; path of a .fseg file."""
    shipped = pathlib.Path(c.SOURCE) / "Resources" / "Models" / "liver-t2.fseg"
    if shipped.exists():
        return shipped, "liver-t2"
    model = c.fs.Model(c.fs.library.fseg_unet_default_config(1, 2))
    error = c.fs.Error()
    c.fs.check(c.fs.library.fseg_model_set_card(
        model.handle, b'{"name": "untrained", "structure": "liver"}', c.fs.c.byref(error)), error)
    model.save(folder / "untrained.fseg")
    return folder / "untrained.fseg", "untrained"


def export_onnx(model_path, folder):
    onnx = folder / "model.onnx"
    subprocess.run([os.environ["FRUGALSEG_PROGRAM"], "export", "--onnx", "--model", model_path,
                    "--out", onnx], check=True, capture_output=True)
    return onnx


def machine():
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), platform.processor())
    return {"cpu": cpu, "processors": os.cpu_count(), "threads": c.THREADS,
            "system": platform.platform(), "python": platform.python_version(),
            "kernels": c.fs.available_isas() + (["avx512bf16"] if
                                                c.fs.library.fseg_isa_available(4) else [])}


def run_capped(arguments, folder):
    """This script again with every side held to AVX2; what cannot be held is said in the report."""
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2",
                   "ATEN_CPU_CAPABILITY": "avx2", "FSEG_ISA": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2",
                   "FRUGALSEG_BENCH_CAPPED": "1"}
    command = [sys.executable, __file__, "--out", str(folder), "--rounds", str(arguments.rounds),
               "--only", "inference,training"] + (["--quick"] if arguments.quick else [])
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return json.loads((folder / "peers.json").read_text())


def measure(arguments, folder):
    capped = "FRUGALSEG_BENCH_CAPPED" in os.environ
    model_path, name = find_model(folder)
    paths = {"model": model_path, "onnx": export_onnx(model_path, folder)}
    paths["slices"] = phantom(folder)
    model = c.LoadedModel(model_path)
    parts = arguments.only.split(",")
    side, small, batch = (64, 32, 2) if arguments.quick else (256, 160, 8)
    result = {"machine": machine(), "versions": c.versions(), "model": name, "capped": capped,
              "date": time.strftime("%Y-%m-%d"), "inference": [], "training": []}
    if "inference" in parts:
        result["inference"] = [measure_inference(paths, model, side, n, arguments.rounds, capped)
                               for n in (1, batch)]
    if "training" in parts:
        result["training"] = [measure_training(paths, model, s, batch, arguments.rounds, capped)
                              for s in (small, side)]
    if "curves" in parts:
        result["curves"] = measure_curves(paths, model, arguments.quick)
    if "avx2" in parts:
        result["avx2"] = run_capped(arguments, folder)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default="inference,training,avx2,curves")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: whether it runs")
    arguments = parser.parse_args()
    out = pathlib.Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = measure(arguments, pathlib.Path(folder))
        except Unequal as error:
            sys.exit(f"bench-peers: outputs disagree, nothing is reported. {error}")
    (out / "peers.json").write_text(json.dumps(result, indent=1) + "\n")
    text = peers_report.markdown(result)
    (out / "peers.md").write_text(text)
    if "curves" in result:
        peers_report.chart(result, out / "performance.svg")
    print(text)


if __name__ == "__main__":
    main()
