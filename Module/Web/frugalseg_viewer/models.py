"""The models that the library finds by name (model_locate.h), for the list to choose from."""

import os
import pathlib


def folders():
    """Where fseg_model_locate looks, in its order."""
    found = [pathlib.Path(f) for f in os.environ.get("FRUGALSEG_MODEL_PATH", "").split(":") if f]
    data = os.environ.get("XDG_DATA_HOME")
    found.append((pathlib.Path(data) if data else pathlib.Path.home() / ".local/share") / "frugalseg/models")
    here = pathlib.Path(os.path.abspath(__file__))  # a link in a build tree is not followed
    for start in (here, here.resolve()):
        for parent in start.parents:
            found += [parent / "share/frugalseg/models", parent / "Resources/Models"]
    return found


def names():
    """Names of all models, each once, sorted."""
    return sorted({path.stem for folder in folders() if folder.is_dir() for path in folder.glob("*.fseg")})
