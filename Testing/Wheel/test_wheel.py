"""The wheel as its user has it: installed into an environment of its own, away from source and build.

The heavy wheels that it depends on are linked in from the test environment instead of being installed
once more, so that the test takes seconds and needs no network. Environment: FRUGALSEG_BUILD_DIR (what
the wheel is packed from), FRUGALSEG_SOURCE_DIR, FRUGALSEG_PROGRAM (the build tree's, to compare with).
"""

import hashlib
import os
import pathlib
import re
import subprocess
import sys
import sysconfig
import time
import tomllib
import urllib.request
import zipfile

import pytest

BUILD = pathlib.Path(os.environ["FRUGALSEG_BUILD_DIR"])
SOURCE = pathlib.Path(os.environ["FRUGALSEG_SOURCE_DIR"])
# What every Linux has; all else must come with the wheel or with what it depends on.
SYSTEM_LIBRARIES = re.compile(
    r"(linux-vdso|/lib64/ld-linux-x86-64|ld-linux-x86-64|lib(c|m|dl|pthread|rt|stdc\+\+|gcc_s))\.so"
)


def pins(name):
    """The requirement lines of a file of ThirdParty."""
    lines = (SOURCE / "ThirdParty" / name).read_text().splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    root = tmp_path_factory.mktemp("wheel")
    settings = {"cmake.define.FRUGALSEG_WHEEL_FROM": BUILD, "build-dir": root / "tree"}
    options = [f"--config-settings={name}={value}" for name, value in settings.items()]
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps", "--no-index",
         "--no-build-isolation", "--wheel-dir", root, *options, SOURCE],
        check=True,
    )  # fmt: skip
    (made,) = root.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """Folder of a fresh environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    packages = next(folder.glob("lib/python3*/site-packages"))
    for heavy in pathlib.Path(sysconfig.get_path("platlib")).iterdir():
        if not heavy.name.startswith(("frugalseg", "pip", "__pycache__")):
            (packages / heavy.name).symlink_to(heavy)
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", folder / "bin/python",
         "install", "--quiet", "--no-deps", "--no-index", "--no-compile", wheel],
        check=True,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def run(environment, tmp_path_factory):
    """Call a command of the environment in an empty folder, with nothing of ours in the variables."""
    home = tmp_path_factory.mktemp("home")
    clean = {"HOME": str(home), "PATH": "/usr/bin:/bin"}

    def call(name, *arguments, **options):
        return subprocess.run(
            [environment / "bin" / name, *arguments], cwd=home, env=clean, check=True, capture_output=True, text=True,
            **options,
        ).stdout  # fmt: skip

    call.home, call.variables = home, clean
    return call


def test_version_and_dependencies_are_those_of_their_one_place(wheel):
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        head = archive.read(name).decode().split("\n\n")[0].splitlines()
    assert {line.split(": ")[1] for line in head if line.startswith("Requires-Dist")} == pins("requirements.txt")
    version = re.search(r"project\(FrugalSeg VERSION ([0-9.]+)", (SOURCE / "CMakeLists.txt").read_text())[1]
    assert f"Version: {version}" in head
    assert "not a medical device" in "".join(head)
    needs = tomllib.loads((SOURCE / "pyproject.toml").read_text())["build-system"]["requires"]
    assert set(needs) <= pins("requirements-build.txt")
    core = next(pin for pin in pins("requirements.txt") if pin.startswith("slicer-core=="))
    assert core.replace("core==", "core-sdk==") in pins("requirements-build.txt")


def test_wheel_holds_every_model_and_its_licence(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name.rsplit("/", 1)[1] for name in archive.namelist() if "/share/frugalseg/models/" in name}
    shipped = {f.name for f in (SOURCE / "Resources/Models").iterdir() if f.suffix in (".fseg", ".json", ".txt")}
    assert shipped and packed == shipped


def test_no_file_of_the_wheel_points_into_the_build_machine(wheel, environment):
    packages = next(environment.glob("lib/python3*/site-packages"))
    compiled = [f for f in (packages / "frugalseg").rglob("*") if f.is_file() and f.read_bytes()[:4] == b"\x7fELF"]
    assert len(compiled) >= 4
    for file in compiled:
        dynamic = subprocess.run(["readelf", "-d", file], check=True, capture_output=True, text=True).stdout
        for path in re.findall(r"(?:RPATH|RUNPATH).*\[(.*)\]", dynamic):
            assert all(part.startswith("$ORIGIN") for part in path.split(":")), f"{file}: {path}"
        if file.parent.name == "lib":
            continue  # found through those who ask for it
        for line in subprocess.run(["ldd", file], check=True, capture_output=True, text=True).stdout.splitlines():
            assert "not found" not in line, f"{file}: {line}"
            home = str(packages) in line or SYSTEM_LIBRARIES.search(line)
            assert home, f"{file} takes a library from elsewhere: {line.strip()}"


def test_installed_program_segments_like_the_built_one(run):
    run("frugalseg", "synth", "--out", "phantom", "--seed", "3", "--quiet",
        "--size", "128", "--spacing", "2.8", "--slices", "20", "--slice-spacing", "10")  # fmt: skip
    run("frugalseg", "segment", "--model", "liver-t2", "--in", "phantom/dicom", "--out", "installed", "--quiet")
    built = [os.environ["FRUGALSEG_PROGRAM"], "segment", "--model", "liver-t2", "--in", "phantom/dicom", "--out", "built"]
    subprocess.run([*built, "--quiet"], check=True, cwd=run.home)
    digests = {
        hashlib.sha256((run.home / folder / "mask.nii.gz").read_bytes()).hexdigest()
        for folder in ("installed", "built")
    }
    assert len(digests) == 1
    assert (run.home / "installed/segmentation.dcm").stat().st_size > 1000


def test_program_keeps_the_exit_status_and_message_of_a_failure(environment, run):
    failed = subprocess.run(
        [environment / "bin/frugalseg", "segment", "--model", "liver-t2", "--in", "nowhere", "--out", "x"],
        env=run.variables, cwd=run.home, capture_output=True, text=True,
    )  # fmt: skip
    assert failed.returncode != 0 and "nowhere" in failed.stderr and "Traceback" not in failed.stderr


def test_logic_is_imported_with_its_models(run):
    lines = "import frugalseg; logic = frugalseg.vtkSlicerFrugalSegLogic(); print(logic.GetClassName())"
    assert run("python", "-c", lines).strip() == "vtkSlicerFrugalSegLogic"


def test_installed_viewer_makes_its_demo_and_serves_its_page(environment, run):
    log = run.home / "viewer.log"
    with open(log, "w") as stream:
        process = subprocess.Popen(
            [environment / "bin/frugalseg-viewer", "--demo", "--out", "results", "--no-browser"],
            cwd=run.home, env=run.variables, stdout=stream, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        end = time.monotonic() + 60
        page = None
        while page is None:
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.2)
            address = re.search(r"http://127\.0\.0\.1:\d+/", log.read_text())
            try:
                page = urllib.request.urlopen(address[0] + "index.html").read() if address else None
            except OSError:
                pass  # it has told its address and will serve in a moment
        assert b"<html" in page
        assert len(list((run.home / "results/demo").glob("phantom-*/*.dcm"))) == 90
    finally:
        process.terminate()
        process.wait(20)
