"""The Markdown tables and the chart of `peers.py`, from its JSON."""


def table(parts, unit):
    lines = []
    for part in parts:
        lines += [f"\n{part['size']} x {part['size']}, batch {part['batch']}, {unit}:\n",
                  f"| | precision | median ms | fastest ms | ours is faster by |",
                  "|---|---|---|---|---|"]
        for row in part["rows"]:
            ratio = row["ours_is_faster_by"]
            ours = row["name"].startswith("frugalseg")
            lines.append(f"| {row['name']} | {row['precision']} | {row['ms']:.2f} | "
                         f"{row['fastest_ms']:.2f} | "
                         f"{'' if ours or ratio is None else f'{ratio:.2f} x'} |")
    return lines


def markdown(result):
    machine, versions = result["machine"], result["versions"]
    lines = [f"{machine['cpu']}, {machine['threads']} threads of {machine['processors']} "
             f"processors; {machine['system']}; kernels {', '.join(machine['kernels'])}. "
             f"PyTorch {versions['torch']}, ONNX Runtime {versions['onnxruntime']}, "
             f"OpenVINO {versions['openvino']}. Model {result['model']}. {result['date']}."]
    if result["inference"]:
        lines += ["\n## Inference", *table(result["inference"], "ms per slice")]
    if result["training"]:
        lines += ["\n## Training step", *table(result["training"], "ms per slice of the batch")]
    if "avx2" in result:
        capped = result["avx2"]
        lines += ["\n## Every side capped to AVX2",
                  f"\nPyTorch reports {capped['versions']['torch_capability']}. ONNX Runtime has no "
                  "switch for it and may use AVX-512.",
                  *table(capped["inference"], "inference, ms per slice"),
                  *table(capped["training"], "training step, ms per slice of the batch")]
    return "\n".join(lines) + "\n"


def chart(result, path):
    """Log-log cost against pixels and against slices."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "frugalseg"
    from matplotlib import pyplot

    curves = result["curves"]
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.6), sharey=False)
    for axis, kind, label in ((axes[0], "pixels", "pixels of one slice"),
                              (axes[1], "slices", "slices of 256 x 256 in one call")):
        points = curves[kind]
        x = [p["size"] ** 2 if kind == "pixels" else p["slices"] for p in points]
        for name in points[0]["ms"]:
            ours = name.startswith("frugalseg")
            axis.loglog(x, [p["ms"][name] for p in points], marker="o", markersize=4,
                        linewidth=2.4 if ours else 1.2,
                        linestyle="--" if "bf16" in name else "-", label=name)
        axis.set_xlabel(label)
        axis.set_ylabel("milliseconds, fastest of three")
        axis.grid(True, which="both", alpha=0.25)
    axes[0].legend(fontsize=8)
    figure.suptitle(f"Inference of the reference U-Net, {result['machine']['cpu']}, "
                    f"{result['machine']['threads']} threads", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
