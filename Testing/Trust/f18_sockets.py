"""F18: no command opens a socket, but `node` and `retrieve`, whose purpose it is, and the viewer on this machine.

Every command does real work under strace, which follows its threads and children and writes down each call of the
network family. A probe shows that the tracing sees a socket.
"""

import re
import shutil
import subprocess
import sys

import data
import figure

MAY = {"node", "retrieve"}
CALL = re.compile(r"\b(socket|connect|bind|listen|accept4?|sendto|sendmsg|recvfrom|recvmsg|socketpair)\(")


def traced(run, arguments, name):
    """Calls of the network family that a command made."""
    log = run.folder / f"{name}.strace"
    subprocess.run(["strace", "-f", "-qq", "-e", "trace=network", "-o", str(log), *map(str, arguments)],
                   capture_output=True, timeout=600)  # fmt: skip
    if not log.exists():
        figure.skip("strace may not trace here")
    return [line for line in log.read_text(errors="replace").splitlines() if CALL.search(line)]


def kind_of(call):
    """What a call is for, in words."""
    if "socketpair(" in call:
        return "between processes of the study itself"
    if "nscd" in call or "socket(AF_UNIX" in call:
        return "to the C library's name service on this machine (DCMTK asks for the host's number when it makes a UID)"
    return "of the network"


def commands_of_the_program():
    text = figure.program("--help").stdout
    return re.findall(r"^  (\w+) ", text[text.index("Commands:") :], re.M)


def work(folder):
    """What each command does: {command: [arguments, ...]}."""
    scan = data.phantom(folder / "scan", size=64, slices=6)
    cases = data.cases(folder / "cases", ["a", "b", "c"])
    fast = [*data.FAST, "--steps", 2]
    model = folder / "m.fseg"
    data.train(cases, model, 2, "--log", folder / "log.jsonl", "--card", data.card(folder / "card.json"))
    figure.program("pretrain", "--data", cases, "--out", folder / "p.fseg", "--loss", "regression", "--size", 32, "--batch",
                   2, "--volumes", 2, "--steps", 1, "--spacing", 6, "--quiet")  # fmt: skip
    (folder / "study.json").write_text(
        '{"data": "cases", "size": 32, "spacing_mm": 6, "steps": 1, "batch": 2, "phantoms": 0, "learning_rates": [1e-3],'
        '"folds": [{"test": ["a"], "validation": ["b"]}], "budgets": [1], "subsets": 1, "seeds": [1],'
        '"choose": {"budget": 1, "subset": 1}, "pretraining": {}, "arms": {"scratch": {}}}')  # fmt: skip
    return {
        "segment": [["segment", "--in", scan / "dicom", "--model", "liver-t2", "--out", folder / "s"]],
        "evaluate": [["evaluate", "--model", model, "--data", cases]],
        "info": [["info", scan / "dicom"], ["info", model]],
        "train": [["train", "--data", cases, "--out", folder / "t.fseg", *fast]],
        "pretrain": [["pretrain", "--data", scan / "dicom", "--out", folder / "q.fseg", "--loss", "both", "--size", 32,
                      "--batch", 2, "--volumes", 1, "--partitions", 2, "--steps", 1, "--spacing", 6]],
        "figure": [["figure", "--out", folder / "f"]],
        "finetune": [["finetune", "--data", cases, "--init", folder / "p.fseg", "--out", folder / "n.fseg", *fast]],
        "plot": [["plot", folder / "log.jsonl", "--out", folder / "plot"]],
        "synth": [["synth", "--out", folder / "y", "--size", 32, "--slices", 3]],
        "export": [["export", "--onnx", "--model", model, "--out", folder / "m.onnx"]],
        "card": [["card", model]],
        "models": [["models", "list"], ["models", "verify"]],
        "study": [["study", folder / "study.json", "--out", folder / "study", "--jobs", 1]],
        "bench": [["bench", "--quick"]],
    }  # fmt: skip


def measure(run):
    if not shutil.which("strace"):
        figure.skip("strace is not installed (Debian: strace)")
    probe = "import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()"
    if not traced(run, [sys.executable, "-c", probe], "probe"):
        return run.result("the tracing does not see a socket that a probe opens", False)
    names = [c for c in commands_of_the_program() if c not in MAY]
    plan = work(run.folder)
    if run.quick:
        names = [c for c in names if c in ("segment", "synth", "info", "models")]
    found, kinds, tried, untried = {}, {}, 0, [c for c in names if c not in plan]
    for name in names:
        for i, arguments in enumerate(plan.get(name, [[name, "--help"]])):
            calls = traced(run, [figure.PROGRAM, *arguments], f"{name}{i}")
            tried += 1
            for call in calls:
                kinds[kind_of(call)] = kinds.get(kind_of(call), 0) + 1
            if calls:
                found[name] = found.get(name, 0) + len(calls)
                run.say(f"{name}: {calls[0]}")
    value = f"{sum(found.values())} calls in {tried} runs of {len(names)} commands"
    if found:
        value += f" ({', '.join(f'{n} by {c}' for c, n in found.items())}): " + ", ".join(
            f"{n} {kind}" for kind, n in kinds.items())
    if untried:
        value += f"; only --help of {', '.join(untried)}"
    return run.result(value, not found and not untried)


if __name__ == "__main__":
    figure.main("F18", "sockets opened by the commands of the program, but node and retrieve", "0", measure)
