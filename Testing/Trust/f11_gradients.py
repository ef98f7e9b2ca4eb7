"""F11: gradients of every operator and loss, by finite differences and against PyTorch."""

import os
import re
import subprocess
import sys

import figure

SOURCES = ("Logic/Compute", "Testing/Compute")
DIFFERENCES = "*FiniteDifferences*"


def measure(run):
    tests = figure.built_test("compute_tests")
    wanted = "Loss.*FiniteDifferences*:Regression.*FiniteDifferences*" if run.quick else DIFFERENCES
    result = subprocess.run([tests, f"--gtest_filter={wanted}"], capture_output=True, text=True)
    run.say(result.stdout[-1500:])
    passed = len(re.findall(r"^\[       OK \]", result.stdout, re.M))
    failed = len(set(re.findall(r"^\[  FAILED  \] (\S+)", result.stdout, re.M)))
    met = result.returncode == 0 and passed > 0
    value = f"finite differences to 1e-6: {passed} of {passed + failed} operators and losses"
    if run.quick:
        return run.result(value, met)
    parity = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                             str(figure.SOURCE / "Testing/Compute/parity")],
                            capture_output=True, text=True, env=dict(os.environ))  # fmt: skip
    run.say(parity.stdout[-1500:])
    agreed = re.search(r"(\d+) passed", parity.stdout)
    value += f"; against PyTorch (1e-5 forward, 1e-4 backward): {agreed[1] if agreed else 0} tests pass"
    return run.result(value, met and parity.returncode == 0 and agreed is not None)


if __name__ == "__main__":
    figure.main("F11", "gradients of every operator and loss by finite differences, and against PyTorch",
                "1e-6; 1e-5 forward, 1e-4 backward", measure)  # fmt: skip
