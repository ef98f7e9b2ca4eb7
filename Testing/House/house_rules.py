"""Rules of the house that no compiler checks; each function returns a list of violations.

Only Python's standard library is used, so that the rules can be checked anywhere.
"""

import fnmatch
import os
import pathlib
import re
import subprocess

TOP_LEVEL = {
    ".ci",
    ".clang-format",
    ".gitignore",
    "CHANGELOG.md",
    "CMakeLists.txt",
    "CMakePresets.json",
    "LICENSE",
    "Logic",
    "Makefile",
    "Module",
    "README.md",
    "Resources",
    "Testing",
    "ThirdParty",
    "docs",
    "pyproject.toml",  # Python's tools look for it nowhere else
}

C_STANDARD = set(
    "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal "
    "stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath "
    "threads time uchar wchar wctype".split()
)
# The C library beyond the standard (POSIX): durable files, finding oneself, the clock.
C_LIBRARY = {"dirent", "dlfcn", "fcntl", "sched", "unistd"} | {
    "sys/file", "sys/mman", "sys/stat", "sys/types"
}
PROCESSOR = {"immintrin", "cpuid", "arm_neon"}
COMPUTE_LIBRARIES = {"pthread.h", "cblas.h", "jansson.h"}

SOURCE_SUFFIXES = {".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".hxx", ".txx"}
TEXT_SUFFIXES = SOURCE_SUFFIXES | {
    "", ".md", ".py", ".sh", ".txt", ".cmake", ".json", ".in", ".yml", ".yaml", ".toml", ".cfg"
}

QT = re.compile(r"^(Q[A-Z]|Qt|q[A-Z]|ctk)")
SLICER = re.compile(r"^(vtkMRML|vtkSlicer|vtkSegment|vtkOriented|qSlicer|qMRML)")
VTK = re.compile(r"^vtk")
# sys/socket.h is not among them: pairs of sockets also join processes of one machine.
NETWORK = re.compile(r"^(dcmtk/dcm(net|tls|wlm|qrdb)/|netinet/|arpa/|netdb)")


def ignored_patterns(root):
    """Top-level names that git ignores, plus git's own."""
    patterns = [".git"]
    ignore_file = root / ".gitignore"
    if ignore_file.exists():
        for line in ignore_file.read_text().splitlines():
            line = line.strip()
            if line and not line.startswith("#"):
                patterns.append(line.strip("/"))
    return patterns


def is_ignored(name, patterns):
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def files_of(root, *folders):
    """All files below `folders` of `root` (or everything), without what git ignores."""
    patterns = ignored_patterns(root)
    for folder in folders or [""]:
        for directory, subfolders, names in os.walk(root / folder):
            subfolders[:] = sorted(d for d in subfolders if not is_ignored(d, patterns))
            for name in sorted(names):
                if not is_ignored(name, patterns):
                    yield pathlib.Path(directory) / name


def includes_of(path):
    text = path.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            yield number, match[2]


def is_own(name, path, *folders):
    """Whether an included name is a file beside `path` or below one of `folders`."""
    return any((folder / name).is_file() for folder in [path.parent, *folders])


def compute_may_include(root, path, name):
    compute = root / "Logic" / "Compute"
    if name == "mpi.h":  # one file, a library by itself
        return path == compute / "src" / "communicator_mpi.c"
    stem = name[:-2] if name.endswith(".h") else name
    return (
        is_own(name, path, compute / "include", compute / "src")
        or stem in C_STANDARD | C_LIBRARY | PROCESSOR
        or name in COMPUTE_LIBRARIES
    )


def imaging_may_include(root, path, name):
    if is_own(name, path, root / "Logic/Imaging/include", root / "Logic/Imaging/src"):
        return True
    if (root / "Logic/Compute/src" / name).is_file():
        return False
    return not (QT.match(name) or VTK.match(name) or SLICER.match(name))


def node_may_include(root, path, name):
    if is_own(name, path, root / "Logic/Node/include", root / "Logic/Node/src"):
        return True
    private = [root / "Logic/Compute/src", root / "Logic/Imaging/src"]
    if name.startswith("itk") or any((folder / name).is_file() for folder in private):
        return False
    return not (QT.match(name) or VTK.match(name) or SLICER.match(name))


def scene_may_include(root, path, name):
    if is_own(name, path, root / "Logic/Scene"):
        return True
    private = [root / "Logic/Compute/src", root / "Logic/Imaging/src"]
    return not (QT.match(name) or any((folder / name).is_file() for folder in private))


def program_may_include(root, path, name):
    if is_own(name, path, root / "Module/CommandLine"):
        return True
    private = [root / "Logic/Compute/src", root / "Logic/Imaging/src", root / "Logic/Node/src"]
    if QT.match(name) or any((folder / name).is_file() for folder in private):
        return False
    draws = root / "Module/CommandLine/overlay" in path.parents
    return draws or not (VTK.match(name) or name.startswith("itk") or name.startswith("dcmtk/"))


LAYERS = {
    "Logic/Compute": compute_may_include,
    "Logic/Imaging": imaging_may_include,
    "Logic/Node": node_may_include,
    "Logic/Scene": scene_may_include,
    "Module/CommandLine": program_may_include,
}


def crosses_to_node(root, folder, name):
    """Whether a file below `folder` reaches for the network, which is the node's business alone; its
    interface is the program's."""
    if folder == "Logic/Node":
        return False
    if (root / "Logic/Node/include" / name).is_file():
        return folder != "Module/CommandLine"
    return bool(NETWORK.match(name))


def include_violations(root):
    """Arrows go one way: Compute <- Imaging <- Scene <- Module, and Imaging <- Node <- Module."""
    found = []
    for folder, may_include in LAYERS.items():
        for path in files_of(root, folder):
            if path.suffix in SOURCE_SUFFIXES:
                for number, name in includes_of(path):
                    if not may_include(root, path, name) or crosses_to_node(root, folder, name):
                        found.append(
                            f"{path.relative_to(root)}:{number}: {folder} may not include {name}"
                        )
    return found


def top_level_violations(root):
    patterns = ignored_patterns(root)
    return [
        f"{entry.name} does not belong at the top level"
        for entry in sorted(root.iterdir())
        if entry.name not in TOP_LEVEL and not is_ignored(entry.name, patterns)
    ]


def path_violations(root):
    """No path of one machine, and no host where packages come from, is written into a file."""
    machine = re.compile(r"(?<![\w.~$})-])/(?:work|home|farm|Users|root)/\w|\b[A-Z]:\\\\?Users\b")
    host = re.compile(r"https?://")
    found = []
    for path in files_of(root):
        if path.suffix not in TEXT_SUFFIXES or path.stat().st_size > 2_000_000:
            continue
        relative = path.relative_to(root)
        obtains = relative.parts[0] in (".ci", "ThirdParty") and path.suffix != ".md"
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
            if machine.search(line):
                found.append(f"{relative}:{number}: a path of one machine")
            if obtains and host.search(line):
                found.append(f"{relative}:{number}: a host name")
    return found


# What a library must not do to the program that it serves.
FORBIDDEN_SYMBOLS = {
    "abort", "exit", "_exit", "_Exit", "quick_exit", "__assert_fail", "perror",
    "printf", "vprintf", "puts", "putchar", "__printf_chk", "__vprintf_chk",
    "stdout", "stderr", "raise", "signal", "sigaction", "setenv", "putenv",
}  # fmt: skip


def symbol_violations(library):
    """Undefined symbols of a static library that would end or disturb the calling program."""
    listing = subprocess.run(
        ["nm", "--undefined-only", "--print-file-name", library],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    found = []
    for line in listing.splitlines():
        place, _, symbol = line.rpartition(" U ")
        if symbol.split("@")[0] in FORBIDDEN_SYMBOLS:
            found.append(f"{place.split(':')[-2]} uses {symbol}")
    return found


def global_violations(library):
    """Variables of a static library that can change: they would be shared by all its users."""
    listing = subprocess.run(
        ["objdump", "--syms", library], check=True, capture_output=True, text=True
    ).stdout
    found, member = [], ""
    for line in listing.splitlines():
        if ":     file format" in line:
            member = line.split(":")[0]
        match = re.match(r"[0-9a-f]+ .{7} (\.t?(?:data|bss)\S*|\*COM\*)\s+([0-9a-f]+) (\S+)$", line)
        if match and int(match[2], 16) > 0 and not match[1].startswith(".data.rel.ro"):
            found.append(f"{member} has the mutable global {match[3]}")
    return found


def format_violations(root, clang_format):
    """Sources that `make format` would change."""
    sources = [str(p) for p in files_of(root) if p.suffix in SOURCE_SUFFIXES]
    result = subprocess.run(
        [clang_format, "--dry-run", "--Werror", *sources], capture_output=True, text=True
    )
    bad = {line.split(":")[0] for line in result.stderr.splitlines() if "error:" in line}
    return [f"{pathlib.Path(name).relative_to(root)} needs make format" for name in sorted(bad)]
