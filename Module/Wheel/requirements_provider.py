"""What the wheel depends on, for scikit-build-core: the pins of ThirdParty, which stay the one place."""

import pathlib


def dynamic_metadata(settings, project):
    """The lines of the requirements file `settings["input"]`, as the field "dependencies"."""
    lines = pathlib.Path(settings["input"]).read_text(encoding="utf-8").splitlines()
    return {"dependencies": [line.strip() for line in lines if line.strip() and line[0] != "#"]}
