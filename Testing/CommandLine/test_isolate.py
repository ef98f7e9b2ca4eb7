"""`frugalseg --isolate`: what happens in a child process costs one call and gives one sentence."""
import os
import pathlib
import signal
import subprocess
import time

from conftest import PROGRAM, entries, run


def child_of(process):
    """The child of a running program, as soon as there is one."""
    listing = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for _ in range(500):
        found = listing.read_text().split()
        if found:
            return int(found[0])
        time.sleep(0.01)
    raise AssertionError("no child was started")


def results(folder):
    """What a person sees in a folder; a killed run can leave its hidden folder of work behind."""
    return [name for name in entries(folder) if not name.startswith(".")] if folder.exists() else []


def leftovers(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def start(*arguments):
    return subprocess.Popen([PROGRAM, *map(str, arguments)], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_good_input_gives_the_same_with_and_without(model, image, tmp_path):
    codes = [run(*extra, "segment", "--model", model, "--in", image, "--out", tmp_path / str(len(extra))).code
             for extra in ([], ["--isolate"])]  # fmt: skip
    assert codes == [0, 0]
    assert (tmp_path / "0/mask.nii.gz").read_bytes() == (tmp_path / "1/mask.nii.gz").read_bytes()


def test_a_bad_input_keeps_its_own_sentence_and_exit_code(model, tmp_path):
    (tmp_path / "x.nii").write_bytes(b"nothing")
    plain, isolated = (run(*extra, "segment", "--model", model, "--in", tmp_path / "x.nii", "--out", tmp_path / "out")
                       for extra in ([], ["--isolate"]))  # fmt: skip
    assert (plain.code, plain.err) == (isolated.code, isolated.err)
    assert isolated.code == 3


def test_a_crash_is_one_sentence_and_leaves_no_result(tmp_path):
    out = tmp_path / "out"
    process = start("--isolate", "synth", "--out", out, "--size", 512, "--slices", 60)
    os.kill(child_of(process), signal.SIGSEGV)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert err.count("frugalseg:") == 1 and "signal 11" in err
    assert results(out) == []
    assert run("synth", "--out", out, "--size", 64, "--slices", 4).code == 0
    assert leftovers(out) == [], "the next run clears away what the crash left"


def test_an_input_that_takes_too_long_is_given_up(tmp_path):
    result = run("--isolate-seconds", 0.05, "synth", "--out", tmp_path / "out", "--size", 512, "--slices", 60)
    result.failed(3, "longer than 0.05 seconds")
    assert results(tmp_path / "out") == []


def test_an_input_that_wants_too_much_memory_ends_with_a_sentence(tmp_path):
    result = run("--isolate-memory", 60, "synth", "--out", tmp_path / "out", "--size", 512, "--slices", 200)
    assert result.code in (1, 3) and "memory" in result.err.lower()


def test_the_child_ends_with_the_program(tmp_path):
    process = start("--isolate", "synth", "--out", tmp_path / "out", "--size", 512, "--slices", 60)
    child = child_of(process)
    process.kill()
    process.communicate()
    for _ in range(500):
        state = pathlib.Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.01)
    raise AssertionError("the child goes on alone")


def test_wrong_limits_are_usage_errors():
    for arguments in (["--isolate-seconds"], ["--isolate-seconds", "soon", "info"], ["--isolate-memory", "-1", "info"]):
        run(*arguments).failed(2, "number above 0")
