"""FrugalSeg as an extension of 3D Slicer: the branch of the build for a full Slicer is configured (with
a stand-in for Slicer's macros), and what the Extensions Index will ask for is there and agrees."""

import json
import os
import pathlib
import re
import struct
import subprocess
import xml.etree.ElementTree

import pytest

SOURCE = pathlib.Path(os.environ["FRUGALSEG_SOURCE_DIR"])
MODULE = SOURCE / "Module/Slicer"
# Of the schema 1.0.2 of the catalogue's entries.
ALLOWED = {
    "$schema", "category", "scm_url", "scm_revision", "scm_type", "build_dependencies", "dicom_support_rule",
    "build_subdirectory", "enabled", "tier",
}  # fmt: skip


@pytest.fixture(scope="module")
def configured(tmp_path_factory):
    build = tmp_path_factory.mktemp("extension")
    result = subprocess.run(
        ["cmake", "-G", "Ninja", "-S", SOURCE, "-B", build, f"-DSlicer_DIR={SOURCE / 'Testing/Slicer/FullSlicer'}",
         f"-DFRUGALSEG_DEPS={os.environ['FRUGALSEG_DEPS']}"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return build


@pytest.fixture(scope="module")
def extension(configured):
    lines = (configured / "extension.txt").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture(scope="module")
def entry():
    return json.loads((MODULE / "FrugalSeg.json").read_text())


def test_slicers_macros_are_given_logic_panel_and_module(configured):
    calls = (configured / "slicer-calls.txt").read_text().splitlines()
    assert [call.split()[:2] for call in calls] == [
        ["SlicerMacroBuildModuleLogic", "vtkSlicerFrugalSegModuleLogic"],
        ["SlicerMacroBuildModuleWidgets", "qSlicerFrugalSegModuleWidgets"],
        ["slicerMacroBuildLoadableModule", "FrugalSeg"],
    ]
    assert calls[2].split()[2] == "TRUE"  # with Slicer's generic tests
    named = set(re.split(r"[ ;]", " ".join(calls)))
    for file in [*MODULE.glob("*.cxx"), *MODULE.glob("*.h")]:
        assert file.name in named
    for file in [*(MODULE / "Widgets").glob("*.cxx"), *(MODULE / "Resources/UI").glob("*.ui")]:
        assert any(name.split("/")[-1] == file.name for name in named), file


def test_nothing_but_the_module_is_configured(configured):
    targets = subprocess.run(
        ["ninja", "-C", configured, "-t", "targets", "all"], capture_output=True, text=True, check=True
    ).stdout
    assert "frugalseg_imaging" in targets
    for other in ("frugalseg_program", "test_scene", "frugalseg-overlay"):
        assert other not in targets


def test_the_libraries_behind_the_logic_are_exported_with_it(extension):
    assert {"frugalseg", "frugalseg_imaging", "frugalseg_learning"} <= set(extension["TARGETS"].split(";"))


def test_description_and_licence_are_there(extension):
    assert "not a medical device" in extension["DESCRIPTION"]
    assert pathlib.Path(extension["LICENSE_FILE"]).is_file()
    assert pathlib.Path(extension["README_FILE"]).is_file()
    assert extension["CATEGORY"] == "Segmentation"


def test_icon_and_screenshot_are_files_of_the_repository(extension):
    for url in [extension["ICONURL"], *extension["SCREENSHOTURLS"].split()]:
        path = SOURCE / url.split("/raw/main/")[1]
        assert path.is_file(), path
    icon = (SOURCE / extension["ICONURL"].split("/raw/main/")[1]).read_bytes()
    assert struct.unpack(">II", icon[16:24]) == (128, 128)


def test_entry_of_the_catalogue_is_valid_and_agrees(entry, extension):
    assert set(entry) <= ALLOWED and {"$schema", "category", "scm_url"} <= set(entry)
    assert entry["$schema"].endswith("slicer-extension-catalog-entry-schema-v1.0.2.json#")
    assert entry["scm_type"] == "git" and entry["enabled"] is True and entry["build_dependencies"] == []
    assert str(entry["tier"]) == extension["TIER"]
    assert entry["category"] == extension["CATEGORY"]
    homepage = extension["HOMEPAGE"]
    assert entry["scm_url"] == homepage + ".git"
    assert extension["ICONURL"].startswith(homepage + "/")
    # What the index reads from the top-level file with patterns of its own.
    top = (SOURCE / "CMakeLists.txt").read_text()
    assert re.findall(r"project\s*\(\s*([^\s\)]+)", top)[0] == "FrugalSeg"
    assert re.search(r'set\s*\(EXTENSION_ICONURL\s*"([^"]+)"[ ]*\)', top)[1] == extension["ICONURL"]
    assert re.search(r'set\s*\(EXTENSION_SCREENSHOTURLS\s*"([^"]+)"\)', top)[1] == extension["SCREENSHOTURLS"]
    # The index wants "Slicer" in the name of the repository and not in that of the extension.
    assert homepage.rsplit("/", 1)[1] == "SlicerFrugalSeg"


def test_resources_name_files_that_exist():
    resources = xml.etree.ElementTree.parse(MODULE / "Resources/qSlicerFrugalSegModule.qrc")
    files = [element.text for element in resources.iter("file")]
    assert files
    for file in files:
        assert (MODULE / "Resources" / file).is_file()
