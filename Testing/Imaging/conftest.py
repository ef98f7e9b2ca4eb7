"""Real images for the tests that want them; they are kept outside the repository."""
import os
import pathlib

import pytest


@pytest.fixture(scope="session")
def shared():
    root = pathlib.Path(__file__).resolve().parents[2]
    folder = pathlib.Path(os.environ.get("FRUGALSEG_SHARED", root.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip("the shared images are not here; set FRUGALSEG_SHARED to their folder")
    return folder / "data"
