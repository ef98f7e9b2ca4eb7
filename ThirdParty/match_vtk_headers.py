"""Make VTK's configuration headers agree with the VTK wheel that the code will run on.

usage: match_vtk_headers.py INCLUDE_DIR     (run by the interpreter that has the wheel)

The headers come from Debian, the libraries from PyPI: the same release, built with different
options. Two options show in the headers: the SMP back-end (inlined templates choose by it) and
whether legacy methods exist (they are virtual, so they shift vtables). Both are read from the
wheel itself. Headers of another minor release are an error: their classes differ in size.
"""

import pathlib
import re
import sys

import vtkmodules.vtkCommonCore as core
import vtkmodules.vtkCommonDataModel as data_model


def write_smp_header(header):
    text = header.read_text()
    text, count = re.subn(
        r'^#define VTK_SMP_\w+\s*\n#define VTK_SMP_BACKEND ".*"$',
        f'#define VTK_SMP_{core.VTK_SMP_BACKEND}\n#define VTK_SMP_BACKEND "{core.VTK_SMP_BACKEND}"',
        text,
        flags=re.M,
    )
    if count != 1:
        sys.exit(f"{header.name}: the SMP back-end is not defined where it used to be")
    flags = re.findall(r"^#define (VTK_SMP_(?:ENABLE|DEFAULT_IMPLEMENTATION)_\w+) \d$", text, re.M)
    for flag in flags:
        text = re.sub(rf"^(#define {flag}) \d$", rf"\1 {int(getattr(core, flag))}", text, flags=re.M)
    header.write_text(text)


def write_legacy_header(header):
    wheel_has_legacy_methods = "HasFixedTopology" in vars(data_model.vtkConvexPointSet)
    if wheel_has_legacy_methods:
        text = header.read_text()
        header.write_text(
            re.sub(
                r"^#define VTK_LEGACY_REMOVE$",
                "/* #undef VTK_LEGACY_REMOVE */",
                text,
                flags=re.M,
            )
        )


def main():
    include = pathlib.Path(sys.argv[1])
    macros = (include / "vtkVersionMacros.h").read_text()
    found = re.search(r'#define VTK_VERSION "(\d+\.\d+)\.', macros)
    wanted = core.VTK_VERSION.rsplit(".", 1)[0]
    if not found or found[1] != wanted:
        sys.exit(
            f"the VTK headers are of release {found[1] if found else 'unknown'}, the wheel is "
            f"{core.VTK_VERSION}: give a folder with Debian's packages of {wanted} in FRUGALSEG_VTK_DEBS"
        )
    write_smp_header(include / "vtkSMP.h")
    write_legacy_header(include / "vtkLegacy.h")


if __name__ == "__main__":
    main()
