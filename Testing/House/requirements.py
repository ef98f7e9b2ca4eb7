"""The table of requirements and tests: docs/quality/requirements.toml -> requirements.md.

usage: requirements.py            write the page
       requirements.py --unmapped print the tests that no requirement names

Names of tests are read from the sources, so nothing has to be built.
"""

import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = pathlib.Path("docs/quality/requirements.toml")
PAGE = pathlib.Path("docs/quality/requirements.md")

# How the CMakeLists.txt of a kind of tests names them: prefix of GoogleTest's names; name of the ctest
# that runs a pytest file, {} being the file's name without "test_".
GOOGLETEST = {"Compute": "Compute.", "Imaging": "imaging.", "Node": "Node.", "Scene": "Scene."}
PYTEST = {
    "AnnotationLoop": "AnnotationLoop.short",
    "CommandLine": "CommandLine.{}",
    "Compute": "Compute.Parity",
    "House": "House.rules",
    "Imaging": "imaging.python.{}",
    "Scene": "Scene.python.{}",
    "Slicer": "Slicer.{}",
    "Trust": "Trust.{}",
    "Web": "Web.{}",
    "Wheel": "Wheel.installs_and_runs",
}
QTEST = {"Slicer": "Slicer.{}"}
NOT_TESTS = {"initTestCase", "cleanupTestCase", "init", "cleanup"}


def is_registered(path, cmake):
    """Whether CMake's file of the kind knows the source, by its name, its subject or its folder."""
    kind = path.parents[len(path.parts) - 3]  # Testing/<kind>
    subject = re.sub(r"^test_|Test$", "", path.stem)
    folder = path.relative_to(kind).parts[0]
    words = set(re.findall(r"[\w.]+", cmake))
    if kind.name == "Trust":
        return True  # its list is a pattern
    if path.name in words or folder in words or path.parent == kind and path.stem == "house_test":
        return True
    return bool("{subject}" in cmake or "{part}" in cmake or "{judge}" in cmake) and bool(
        subject.lower() in {word.lower() for word in words}
    )


def names_in(path, kind):
    """Names of the tests in one source."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        if kind not in PYTEST:
            return
        ctest = PYTEST[kind].format(path.stem.removeprefix("test_"))
        if kind == "Trust" and re.match(r"(?:f\d\d|load)_", path.stem):
            yield ctest  # a figure is one test
        for name in re.findall(r"^ *def (test_\w+)\(", text, re.M):
            yield f"{ctest}::{name}"
    elif "private slots:" in text and kind in QTEST and path.stem.endswith("Test"):
        ctest = QTEST[kind].format(path.stem.removesuffix("Test").lower())
        for name in re.findall(r"^  void (\w+)\(\)", text[text.index("private slots:") :], re.M):
            if name not in NOT_TESTS:
                yield f"{ctest}::{name}"
    elif kind in GOOGLETEST:
        for suite, name in re.findall(r"^(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", text, re.M):
            yield f"{GOOGLETEST[kind]}{suite}.{name}"


def existing_tests(root=ROOT):
    """Names of all tests that CMake registers, from the sources below Testing/."""
    found = set()
    for folder in sorted((root / "Testing").iterdir()):
        listing = folder / "CMakeLists.txt"
        if not listing.is_file():
            continue
        cmake = listing.read_text("utf-8")
        for path in sorted(folder.rglob("*")):
            if path.suffix in {".py", ".cc", ".cxx"}:
                if is_registered(path.relative_to(root), cmake):
                    found.update(names_in(path, folder.name))
    return found


def requirements(root=ROOT):
    """[(group's title, [(id, sentence, [tests])])], in the order of the table."""
    table = tomllib.loads((root / TABLE).read_text("utf-8"))
    groups = []
    for group, entries in table.items():
        rows = [
            (f"REQ-{group}-{number}", entry[0], entry[1:])
            for number, entry in entries.items()
            if number != "title"
        ]
        groups.append((entries["title"], rows))
    return groups


def page(root=ROOT):
    lines = [
        "# Requirements and the tests that show them",
        "",
        "Made by `Testing/House/requirements.py` from `requirements.toml`; do not edit. A name is that of",
        "ctest; behind `::` stands the function of a file that ctest runs as one test. A parametrized test",
        "counts once. What has no test yet is not in this table but in the [hazards](hazards.md).",
    ]
    for title, rows in requirements(root):
        lines += ["", f"## {title}", "", "| id | requirement | tests |", "|---|---|---|"]
        for identity, sentence, tests in rows:
            cell = "<br>".join(f"`{test}`" for test in tests)
            lines.append(f"| {identity} | {sentence} | {cell} |")
    return "\n".join(lines) + "\n"


def missing_tests(root=ROOT):
    """'PAGE: NAME' for each test named in the quality pages that does not exist."""
    existing = existing_tests(root)
    prefixes = "|".join(
        sorted({re.escape(p.split(".")[0]) for p in [*GOOGLETEST.values(), *PYTEST.values()]})
    )
    quoted = re.compile(rf"`((?:{prefixes})\.[\w.]+(?:::\w+)?)`")
    found = [
        f"{TABLE.name}: {test}"
        for _, rows in requirements(root)
        for _, _, tests in rows
        for test in tests
        if test not in existing
    ]
    for path in sorted((root / PAGE).parent.glob("*.md")):
        if path.name != PAGE.name:
            names = quoted.findall(path.read_text("utf-8"))
            found += [f"{path.name}: {name}" for name in names if name not in existing]
    return found


def unlisted_versions(root=ROOT):
    """Pins of ThirdParty/requirements*.txt that third-party.md does not list with their version."""
    listed = set()
    for line in (root / "docs/quality/third-party.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 3:
            listed.add((cells[1], cells[2]))
    found = []
    for path in sorted((root / "ThirdParty").glob("requirements*.txt")):
        for name, version in re.findall(r"^([\w.-]+)(?:\[\w+\])?==(\S+)", path.read_text(), re.M):
            if (name, version) not in listed:
                found.append(f"{path.name}: {name} {version}")
    return found


def main():
    if sys.argv[1:] == ["--unmapped"]:
        mapped = {test for _, rows in requirements() for _, _, tests in rows for test in tests}
        print(*sorted(existing_tests() - mapped), sep="\n")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        (ROOT / PAGE).write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
