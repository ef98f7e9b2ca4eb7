"""Tests that the house rules hold, and that each rule notices a breach.

usage: house_test.py [unittest arguments]; environment: FRUGALSEG_COMPUTE_LIBRARY names the built
static library for the rules about its symbols.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import house_rules
import requirements

ROOT = pathlib.Path(__file__).resolve().parents[2]


FIGURES = ROOT / "Testing/Trust/trust.py"


class HouseKeepsItsRules(unittest.TestCase):
    maxDiff = None

    def test_layers_include_only_what_lies_below_them(self):
        self.assertEqual([], house_rules.include_violations(ROOT))

    def test_layers_have_sources_to_check(self):
        for folder in house_rules.LAYERS:
            sources = [p for p in house_rules.files_of(ROOT, folder) if p.suffix != ".txt"]
            self.assertTrue(sources, f"{folder} has no sources")

    def test_top_level_holds_only_what_belongs_there(self):
        self.assertEqual([], house_rules.top_level_violations(ROOT))

    def test_no_file_names_a_machine_or_package_host(self):
        self.assertEqual([], house_rules.path_violations(ROOT))

    def test_compute_library_neither_ends_nor_prints(self):
        self.assertEqual([], house_rules.symbol_violations(self.library()))

    def test_compute_library_has_no_mutable_globals(self):
        self.assertEqual([], house_rules.global_violations(self.library()))

    def test_sources_are_formatted(self):
        clang_format = shutil.which("clang-format-14") or shutil.which("clang-format")
        version = clang_format and subprocess.run(
            [clang_format, "--version"], capture_output=True, text=True
        ).stdout
        if not version or " 14." not in version:
            self.skipTest("needs clang-format 14, Debian 12's (another version formats differently)")
        self.assertEqual([], house_rules.format_violations(ROOT, clang_format))

    def test_every_test_named_in_the_quality_pages_exists(self):
        self.assertEqual([], requirements.missing_tests(ROOT))

    def test_the_table_of_figures_shows_what_was_measured(self):
        checked = subprocess.run([sys.executable, "-B", str(FIGURES), "--check"])
        self.assertEqual(0, checked.returncode, "run Testing/Trust/trust.py --table")

    def test_requirements_page_is_current(self):
        self.assertEqual(
            requirements.page(ROOT),
            (ROOT / requirements.PAGE).read_text("utf-8"),
            "run Testing/House/requirements.py",
        )

    def test_third_parties_are_listed_with_their_pinned_versions(self):
        self.assertEqual([], requirements.unlisted_versions(ROOT))

    def library(self):
        path = os.environ.get("FRUGALSEG_COMPUTE_LIBRARY")
        self.assertTrue(path, "FRUGALSEG_COMPUTE_LIBRARY is not set; run by ctest")
        return path


class RulesNoticeBreaches(unittest.TestCase):
    """A miniature house, broken in one place at a time."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("Logic/Compute/src/own.h", "")
        self.write("Logic/Compute/include/frugalseg/model.h", "#include <stdint.h>\n")
        self.write("Logic/Imaging/src/dicom.h", "")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def assert_include(self, allowed, file, name):
        self.write(file, f"#include <{name}>\n")
        found = house_rules.include_violations(self.root)
        self.assertEqual(0 if allowed else 1, len(found), f"{file} including {name}: {found}")
        (self.root / file).unlink()

    def test_compute_includes_itself_the_c_library_and_three_libraries(self):
        file = "Logic/Compute/src/a.c"
        for name in ("own.h", "frugalseg/model.h", "math.h", "pthread.h", "cblas.h", "jansson.h"):
            self.assert_include(True, file, name)
        for name in ("omp.h", "zlib.h", "vector", "frugalseg/imaging.h", "itkImage.h", "sha256.h"):
            self.assert_include(False, file, name)

    def test_imaging_includes_no_scene_no_qt_and_nothing_private(self):
        file = "Logic/Imaging/src/a.cc"
        for name in ("itkImage.h", "dcmtk/dcmdata/dctk.h", "frugalseg/model.h", "vector"):
            self.assert_include(True, file, name)
        for name in ("vtkImageData.h", "vtkMRMLScene.h", "QString", "own.h"):
            self.assert_include(False, file, name)

    def test_node_includes_no_scene_no_qt_and_nothing_private(self):
        file = "Logic/Node/src/a.cxx"
        for name in ("dcmtk/dcmnet/scu.h", "sys/socket.h", "frugalseg/model.h", "vector"):
            self.assert_include(True, file, name)
        for name in ("itkImage.h", "vtkImageData.h", "QString", "own.h", "dicom.h"):
            self.assert_include(False, file, name)

    def test_only_the_node_reaches_for_the_network(self):
        self.write("Logic/Node/include/frugalseg/node.h", "")
        self.assert_include(True, "Module/CommandLine/a.c", "frugalseg/node.h")
        for layer in ("Compute/src", "Imaging/src", "Scene"):
            for name in ("dcmtk/dcmnet/scu.h", "netinet/in.h", "frugalseg/node.h"):
                self.assert_include(False, f"Logic/{layer}/a.cxx", name)
        self.assert_include(False, "Module/CommandLine/a.c", "netinet/in.h")

    def test_scene_includes_no_qt_and_nothing_private(self):
        file = "Logic/Scene/vtkA.cxx"
        for name in ("vtkMRMLScene.h", "frugalseg/imaging.h", "thread"):
            self.assert_include(True, file, name)
        for name in ("QObject", "qSlicerModule.h", "ctkWidget.h", "own.h", "dicom.h"):
            self.assert_include(False, file, name)

    def test_program_reaches_images_through_the_c_header_only(self):
        file = "Module/CommandLine/a.c"
        self.assert_include(True, file, "frugalseg/imaging.h")
        for name in ("vtkImageData.h", "itkImage.h", "dcmtk/dcmdata/dctk.h", "own.h", "QObject"):
            self.assert_include(False, file, name)
        self.assert_include(True, "Module/CommandLine/overlay/a.cxx", "vtkImageData.h")

    def test_unknown_top_level_name_is_found_and_ignored_one_is_not(self):
        self.write(".gitignore", "/build*/\n")
        self.write("build-mine/x", "")
        self.write("notes.txt", "")
        self.assertEqual(
            ["notes.txt does not belong at the top level"],
            house_rules.top_level_violations(self.root),
        )

    def test_machine_path_and_package_host_are_found(self):
        self.write("docs/a.md", "see ~/home/x and https:" + "//example.org/home/y\n")
        self.assertEqual([], house_rules.path_violations(self.root))
        self.write("docs/b.md", "cd " + "/ho" + "me/someone/src\n")
        self.write("ThirdParty/get.sh", "curl https:" + "//example.org\n")
        self.assertEqual(2, len(house_rules.path_violations(self.root)))

    def test_library_that_prints_exits_or_keeps_state_is_found(self):
        compiler = shutil.which("gcc") or shutil.which("cc")
        self.assertTrue(compiler, "no C compiler")
        self.write(
            "a.c",
            "#include <stdio.h>\n#include <stdlib.h>\nstatic int count;\nint table[3] = {1};\n"
            "const char *const names[] = {\"a\"};\n"
            'int a(void) { printf("%d", count++); if (count > 9) exit(1); return table[0]; }\n',
        )
        library = str(self.root / "liba.a")
        source = str(self.root / "a.c")
        subprocess.run([compiler, "-fPIC", "-c", source, "-o", source + ".o"], check=True)
        subprocess.run(["ar", "rcs", library, source + ".o"], check=True)
        symbols = house_rules.symbol_violations(library)
        self.assertEqual(["a.c.o uses exit", "a.c.o uses printf"], sorted(symbols))
        variables = house_rules.global_violations(library)
        self.assertEqual(
            ["a.c.o has the mutable global count", "a.c.o has the mutable global table"],
            sorted(variables),
        )


class QualityPagesNoticeBreaches(unittest.TestCase):
    """Pages of a miniature house whose tests are one of each kind."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("Testing/Compute/CMakeLists.txt", "set(tests a_test.cc)\n")
        self.write("Testing/Compute/a_test.cc", "TEST(Suite, Works) {}\nTEST_P(Many,\n  Work) {}\n")
        self.write("Testing/Compute/forgotten_test.cc", "TEST(Suite, NeverRuns) {}\n")
        self.write("Testing/Web/CMakeLists.txt", "foreach(part viewer)\n test_${part}.py\n")
        self.write("Testing/Web/test_viewer.py", "def test_it(page):\n    pass\n")
        self.write(
            "Testing/Slicer/CMakeLists.txt", "foreach(subject panel)\n ${initial}${rest}Test.cxx ${subject}\n"
        )
        self.write(
            "Testing/Slicer/PanelTest.cxx", "private slots:\n  void init() {}\n  void opens()\n  {\n"
        )
        self.write("docs/quality/requirements.toml", '[A]\ntitle = "T"\n1 = ["S.", "Compute.Suite.Works"]\n')
        self.write("docs/quality/hazards.md", "| `Web.viewer::test_it` |\n")
        self.write("docs/quality/third-party.md", "| part | 1.0 | MIT |\n")
        self.write("ThirdParty/requirements.txt", "part[all]==1.0\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def test_tests_of_each_kind_are_found_and_unregistered_ones_are_not(self):
        self.assertEqual(
            {"Compute.Suite.Works", "Compute.Many.Work", "Web.viewer::test_it", "Slicer.panel::opens"},
            requirements.existing_tests(self.root),
        )
        self.assertEqual([], requirements.missing_tests(self.root))

    def test_name_of_no_test_is_found_in_table_and_pages(self):
        self.write("docs/quality/requirements.toml", '[A]\ntitle = "T"\n1 = ["S.", "Compute.Suite.Gone"]\n')
        self.write("docs/quality/hazards.md", "| `Web.viewer::test_gone`, `Compute.Suite.NeverRuns` |\n")
        self.assertEqual(
            ["requirements.toml: Compute.Suite.Gone", "hazards.md: Web.viewer::test_gone",
             "hazards.md: Compute.Suite.NeverRuns"],
            requirements.missing_tests(self.root),
        )  # fmt: skip

    def test_page_follows_the_table(self):
        self.assertIn("| REQ-A-1 | S. | `Compute.Suite.Works` |", requirements.page(self.root))

    def test_another_version_than_the_pinned_one_is_found(self):
        self.assertEqual([], requirements.unlisted_versions(self.root))
        self.write("ThirdParty/requirements.txt", "part==2.0\n")
        self.assertEqual(["requirements.txt: part 2.0"], requirements.unlisted_versions(self.root))


if __name__ == "__main__":
    unittest.main()
