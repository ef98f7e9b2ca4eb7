"""F22: public functions that are documented, shown in an example, and tested.

Public are the functions of the headers below Logic/*/include and the public methods of Logic/Scene/vtkSlicer*Logic.h.
Documented: a comment stands directly before the declaration, before the group that it closes, or behind it. Example: the
developer guide, a document or another part of the program uses it. Tested: a file below Testing names it, or a part that
tests drive calls it (a command of the program, the logic, the node, a source of the library other than its own).
"""

import re

import figure

SOURCES = ("Logic", "Module", "Testing", "docs")
DECLARATION = re.compile(
    r"^(?:FSEG_\w+ )?(?:const |unsigned |struct )*[A-Za-z_]\w*(?: |\s*\*)+\s*\*?(fseg_\w+)\s*\(", re.M)  # fmt: skip
METHOD = re.compile(r"^  (?:static |virtual )*[\w:<>]+[ *&]+(\w+)\(", re.M)
MACRO = re.compile(r"^  vtk(Get|Set|SetClamp|Boolean)\w*Macro\((\w+)", re.M)
ORDINARY = {"New", "PrintSelf", "SetMRMLSceneInternal", "GetLogic"}


def documented(text, at):
    """Whether a comment precedes the declaration at `at`, with at most other declarations of its group between."""
    before = text[:at].rstrip()
    while True:
        last = before.rsplit("\n", 1)[-1].strip()
        if last.endswith("*/") or last.startswith("//"):
            return True
        # A declaration of the same group: directly above, no empty line between.
        if text[len(before) :].split("\n", 2)[1:2] == [""] or not last or last.endswith("{") or last == "public:":
            return False
        start = before.rfind(";", 0, len(before) - 1)
        brace = before.rfind("\n\n")
        comment = before.rfind("*/")
        line = before.rfind("///")
        newest = max(comment, line)
        if newest > brace and newest > -1:
            return True
        if brace >= start or start < 0:
            return False
        before = before[:start]


def explained_behind(text, at):
    """Whether a comment stands behind the declaration at `at`, on the line where it ends."""
    end = text.index(";", at)
    return text[end + 1 : text.index("\n", end)].strip().startswith(("/**<", "///<"))


def functions(root):
    """{name: documented} of the C functions."""
    found = {}
    for header in sorted(root.glob("Logic/*/include/frugalseg/*.h")):
        text = header.read_text("utf-8")
        for match in DECLARATION.finditer(text):
            if not match[0].startswith(("return", "typedef", "*", " ")):
                found[match[1]] = documented(text, match.start()) or explained_behind(text, match.start())
    return found


def methods(root):
    """{Class::name: documented} of the logic classes' public methods."""
    found = {}
    for header in sorted(root.glob("Logic/Scene/vtkSlicer*Logic.h")):
        text = header.read_text("utf-8")
        public = text[text.index("public:") : text.index("protected:")]
        for match in METHOD.finditer(public):
            if match[1] not in ORDINARY:
                found[f"{header.stem}::{match[1]}"] = documented(public, match.start())
        for match in MACRO.finditer(public):
            found[f"{header.stem}::{'Get' if match[1] == 'Get' else 'Set'}{match[2]}"] = documented(public, match.start())
    return found


def called(paths):
    """Names that are called in a file that does not define them."""
    found = set()
    for path in paths:
        text = path.read_text("utf-8", "replace")
        own = set(re.findall(r"^(?:[A-Za-z_][\w ]*[ *])?\*?(?:\w+::)?(\w+)\(", text, re.M))
        found |= set(re.findall(r"\b(\w+)\(", text)) - own
    return found


def words_of(paths):
    return set().union(*(set(re.findall(r"\w+", path.read_text("utf-8", "replace"))) for path in paths))


def measure(run):
    root = figure.SOURCE
    public = functions(root) | methods(root)
    sources = {".c", ".h", ".cc", ".cxx", ".py", ".sh", ".md"}
    below = lambda *folders: [p for f in folders for p in (root / f).rglob("*") if p.suffix in sources and p.is_file()]
    tests = words_of(below("Testing"))
    # An example is a use that a reader finds: in the documents, the programs, the layers above, the tests.
    shown = words_of(below("docs", "Module", "Logic/Scene", "Logic/Imaging/src", "Logic/Node", "Testing"))
    driven = called(below("Module", "Logic"))
    short = lambda name: name.rsplit("::", 1)[-1]
    gaps = {
        "documented": [n for n, good in public.items() if not good],
        "example": [n for n in public if short(n) not in shown],
        "tested": [n for n in public if short(n) not in tests | driven],
    }
    named = 100 * sum(short(n) in tests for n in public) / len(public)
    for kind, names in gaps.items():
        for name in names:
            run.say(f"not {kind}: {name}")
    share = {kind: 100 * (len(public) - len(names)) / len(public) for kind, names in gaps.items()}
    value = f"of {len(public)}: " + ", ".join(f"{kind} {part:.1f} %" for kind, part in share.items())
    value += f" ({named:.0f} % by name, the others through a part that tests drive)"
    return run.result(value, len(public) > 100 and not any(gaps.values()))


if __name__ == "__main__":
    figure.main("F22", "public functions of the libraries and logic classes: documented, used in an example, tested",
                "100 %, 100 %, 100 %", measure)  # fmt: skip
