"""frugalseg card: a model's card is shown and replaced; the weights stay."""
import json

import numpy as np
from safetensors.numpy import load_file

from conftest import CARD, make_model, run


def weights(path):
    return load_file(str(path))


def test_the_card_is_printed(model):
    done = run("card", "--model", model)
    assert done.code == 0
    assert done.json["name"] == "test-liver"


def test_a_new_card_keeps_weights_and_training_notes(tmp_path):
    old, new, card = tmp_path / "old.fseg", tmp_path / "new.fseg", tmp_path / "card.json"
    make_model(old, {**CARD, "training": {"steps": 7}})
    card.write_text(json.dumps({**CARD, "name": "renamed", "threshold": 0.4}))
    assert run("card", "--model", old, "--card", card, "--out", new).code == 0
    shown = run("card", "--model", new).json
    assert shown["name"] == "renamed" and shown["threshold"] == 0.4
    assert shown["training"] == {"steps": 7}
    before, after = weights(old), weights(new)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[k], after[k]) for k in before)


def test_a_card_that_contradicts_the_network_is_refused(model, tmp_path):
    card = tmp_path / "card.json"
    card.write_text(json.dumps({**CARD, "context_slices": 5}))
    assert run("card", "--model", model, "--card", card, "--out", tmp_path / "x.fseg") \
        .failed(3, "slices")
    assert not (tmp_path / "x.fseg").exists()


def test_bad_cards_and_usage(model, tmp_path):
    card = tmp_path / "card.json"
    card.write_text("[1, 2]")
    assert run("card", "--model", model, "--card", card, "--out", tmp_path / "x.fseg") \
        .failed(3, "json object")
    assert run("card", "--model", model, "--card", tmp_path / "none.json", "--out", "x") \
        .failed(3, "card")
    assert run("card", "--model", model, "--card", card).code == 2
