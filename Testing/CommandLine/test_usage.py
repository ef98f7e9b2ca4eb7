"""Help, version and mistakes on the command line."""
import subprocess

import pytest
from conftest import PROGRAM, run

COMMANDS = ["segment", "evaluate", "info", "train", "synth", "export"]


def test_help_lists_every_command_and_the_exit_codes():
    result = run("--help")
    assert result.code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in result.out
    assert "130 interrupted" in result.out
    assert "Research use only" in result.out


def test_version():
    result = run("--version")
    assert result.code == 0
    assert result.out.startswith("frugalseg 0.")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command):
    result = run(command, "--help")
    assert result.code == 0
    assert f"Usage: frugalseg {command} " in result.out
    assert f"\nExamples:\n  frugalseg {command} " in result.out
    assert "--threads N" in result.out and "--json" in result.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_asks_for_what_it_needs(command):
    assert run(command).failed(2, "needs", f"frugalseg {command} --help")


def test_without_a_command_help_goes_to_stderr():
    result = run()
    assert result.code == 2 and result.out == "" and "Usage" in result.err


def test_unknown_commands_and_options_are_usage_errors():
    assert run("segmnet").failed(2, "segmnet")
    assert run("synth", "--sed", "x").failed(2, "--sed")
    assert run("synth", "--out").failed(2, "--out", "value")
    assert run("info", "a", "b").failed(2, "'b'")
    assert run("synth", "--out", "").failed(2, "--out")


@pytest.mark.parametrize("option, value", [("--slices", "2"), ("--slices", "10.5"),
                                           ("--slices", "ten"), ("--noise", "-1"),
                                           ("--noise", "nan"), ("--seed", "-1"),
                                           ("--seed", "1e3"), ("--threads", "257")])
def test_values_out_of_range_name_the_option(option, value, tmp_path):
    assert run("synth", "--out", tmp_path / "x", option, value).failed(2, option, value)
    assert not (tmp_path / "x").exists()


def test_json_reports_errors_too():
    result = run("synth", "--slices", "0", "--json")
    assert result.code == 2
    error = result.json["error"]
    assert error["status"] == "usage" and error["exit_code"] == 2
    assert "--slices" in error["message"]


def test_output_that_cannot_be_written_is_not_ok():
    with open("/dev/full", "w") as full:
        result = subprocess.run([PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 3 and "Standard output" in result.stderr
