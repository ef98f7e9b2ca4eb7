"""The command `frugalseg` of the wheel: becomes the compiled program, which lies in the package."""

import os
import pathlib
import sys


def main():
    program = pathlib.Path(__file__).resolve().with_name("frugalseg") / "bin" / "frugalseg"
    os.execv(program, [str(program), *sys.argv[1:]])
