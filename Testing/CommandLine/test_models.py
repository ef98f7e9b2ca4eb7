"""frugalseg models: what is found is listed and verified; installing is all or nothing."""
import hashlib
import json
import os
import resource
import shutil
import signal

import pytest

from conftest import CARD, SOURCE, entries, make_model, run

LICENSED = {**CARD, "contrast": "T2 fat-suppressed", "licence": "Apache-2.0", "version": "1.0"}


class Home:
    """A user's home of its own, so that no model of this machine plays a part."""

    def __init__(self, folder):
        self.data = folder / "data"
        self.models = self.data / "frugalseg" / "models"
        self.environment = folder / "environment"
        self.environment.mkdir()

    def run(self, *arguments, **options):
        environment = {**os.environ, "XDG_DATA_HOME": str(self.data),
                       "FRUGALSEG_MODEL_PATH": str(self.environment)}
        return run("models", *arguments, env=environment, **options)

    def list(self):
        done = self.run("list", "--json")
        assert done.code == 0, done.err
        return {(m["name"], m["source"]): m for m in done.json["models"]}

    def installed(self):
        return entries(self.models) if self.models.exists() else []


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two different models of one name, in folders a and b; never changed."""
    folder = tmp_path_factory.mktemp("files")
    for name, seed in (("a", 1), ("b", 2)):
        (folder / name).mkdir()
        make_model(folder / name / "own.fseg", LICENSED, seed=seed)
    return folder


@pytest.fixture
def offer(files, tmp_path):
    """The first model with card and licence beside it, to be changed at will."""
    folder = tmp_path / "offer"
    shutil.copytree(files / "a", folder)
    (folder / "own.json").write_text(json.dumps(LICENSED))
    (folder / "own.LICENSE.txt").write_text("Apache License 2.0\n")
    return folder / "own.fseg"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_list_says_what_a_model_is_and_where_models_are_sought(home, offer):
    shutil.copy(offer, home.environment)
    done = home.run("list", "--json")
    model = next(m for m in done.json["models"] if m["name"] == "own")
    assert model["source"] == "environment" and model["used"] and model["ok"]
    assert model["structure"] == "liver" and model["contrast"] == "T2 fat-suppressed"
    assert model["licence"] == "Apache-2.0" and model["version"] == "1.0"
    assert model["sha256"] == sha256(offer) and model["problem"] is None
    folders = done.json["folders"]
    assert [f["source"] for f in folders[:2]] == ["environment", "user"]
    assert folders[0]["exists"] and not folders[1]["exists"]
    assert folders[1]["path"] == str(home.models)
    assert len({os.path.realpath(f["path"]) for f in folders}) == len(folders)
    text = home.run("list").out
    for word in ("own 1.0", "T2 fat-suppressed", "Apache-2.0", model["sha256"], str(home.models),
                 "Research use only"):
        assert word in text


def test_of_two_models_with_one_name_the_list_says_which_is_meant(home, files):
    assert home.run("install", files / "b" / "own.fseg").code == 0
    shutil.copy(files / "a" / "own.fseg", home.environment)
    models = home.list()
    assert models["own", "environment"]["used"] and not models["own", "user"]["used"]


def test_a_damaged_model_is_listed_with_its_problem(home, files):
    (home.environment / "torn.fseg").write_bytes((files / "a" / "own.fseg").read_bytes()[:-4])
    model = home.list()["torn", "environment"]
    assert not model["ok"] and model["problem"]["status"] == "model-short"


def test_installing_brings_card_licence_and_record_and_the_name_is_found(home, offer):
    done = home.run("install", offer, "--json")
    assert done.code == 0, done.err
    assert home.installed() == ["own.LICENSE.txt", "own.fseg", "own.fseg.sha256", "own.json"]
    assert done.json["installed"][0]["changed"] and done.json["installed"][0]["backup"] is None
    assert sha256(home.models / "own.fseg") == sha256(offer)
    assert home.list()["own", "user"]["recorded_sha256"] == sha256(offer)
    assert home.run("verify", "own").code == 0
    shown = run("info", "own", "--json", env={**os.environ, "XDG_DATA_HOME": str(home.data)})
    assert shown.json["sha256"] == sha256(offer)


def test_installing_the_same_again_changes_nothing(home, offer):
    home.run("install", offer)
    before = (home.models / "own.fseg").stat()
    done = home.run("install", offer, "--json")
    assert done.code == 0 and not done.json["installed"][0]["changed"]
    assert (home.models / "own.fseg").stat().st_ino == before.st_ino


def test_another_model_of_the_name_is_replaced_only_by_force_and_kept(home, offer, files):
    home.run("install", offer)
    other = files / "b" / "own.fseg"
    assert home.run("install", other).failed(4, "another model", "--force")
    assert sha256(home.models / "own.fseg") == sha256(offer)
    assert home.run("install", other, "--force").code == 0
    assert sha256(home.models / "own.fseg") == sha256(other)
    assert sha256(home.models / "own.fseg.bak-1") == sha256(offer)
    # The old licence and card went with the old model: they say nothing about the new one.
    assert (home.models / "own.LICENSE.txt.bak-1").read_text() == "Apache License 2.0\n"
    assert not (home.models / "own.LICENSE.txt").exists()
    assert not (home.models / "own.json").exists()
    assert home.run("verify", "own").code == 0
    assert home.run("install", offer, "--force").code == 0
    assert sha256(home.models / "own.fseg.bak-1") == sha256(offer)
    assert sha256(home.models / "own.fseg.bak-2") == sha256(other)
    assert [name for name, source in home.list() if source == "user"] == ["own"]


def test_a_changed_licence_needs_force_and_leaves_the_model_alone(home, offer):
    home.run("install", offer)
    offer.with_name("own.LICENSE.txt").write_text("other terms\n")
    assert home.run("install", offer).failed(4, "another licence")
    assert home.run("install", offer, "--force").code == 0
    assert (home.models / "own.LICENSE.txt").read_text() == "other terms\n"
    assert "own.fseg.bak-1" not in home.installed()


@pytest.mark.parametrize("damage, words", [
    (lambda file: file.write_bytes(file.read_bytes()[:-8]), ["own.fseg", "8 bytes"]),
    (lambda file: file.write_bytes(b"\xff\xff\xff\x7f".join([file.read_bytes()[:-4], b""])),
     ["own.fseg", "checksum"]),
    (lambda file: file.write_text("hello, this is no model"), ["model"]),
    (lambda file: file.with_name("own.json").write_text("[1]"), ["card", "JSON object"]),
    (lambda file: file.with_name("own.json").write_text('{"name": "x"}'), ["belong together"]),
    (lambda file: file.with_name("own.json").write_text(json.dumps({"sha256": "0" * 64})),
     ["not the one recorded"]),
    (lambda file: file.with_name("own.fseg.sha256").write_text("1" * 64 + "  own.fseg\n"),
     ["not the one recorded"]),
    (lambda file: file.with_name("own.fseg.sha256").write_text("abc"), ["SHA-256"]),
])
def test_what_is_not_good_is_not_installed(home, offer, damage, words):
    damage(offer)
    assert home.run("install", offer).failed(3, *words)
    assert home.installed() == []
    assert home.run("verify", offer).failed(3, words[-1])


def test_a_folder_is_installed_whole_or_not_at_all(home, offer):
    bad = offer.with_name("torn.fseg")
    bad.write_bytes(offer.read_bytes()[:-4])
    assert home.run("install", offer.parent).failed(3, "torn.fseg")
    assert home.installed() == []
    shutil.copy(offer, bad)
    done = home.run("install", offer.parent, "--json")
    assert [m["name"] for m in done.json["installed"]] == ["own", "torn"]
    assert {"own.fseg", "torn.fseg"} <= set(home.installed())


def test_verify_notices_a_model_that_changed_after_it_was_installed(home, offer):
    home.run("install", offer)
    assert "as recorded" in home.run("verify", "own").out
    shutil.copy(offer, home.environment / "good.fseg")
    file = home.models / "own.fseg"
    content = bytearray(file.read_bytes())
    content[-4] ^= 1  # another weight, still finite
    file.write_bytes(content)
    assert home.run("verify", "own").failed(3, "checksum")
    done = home.run("verify", "--json")
    assert done.code == 3 and done.json["failed"] == 1
    verdicts = {m["name"]: m["ok"] for m in done.json["models"]}
    assert verdicts["good"] and not verdicts["own"]


def test_removing_is_for_the_users_folder_only(home, offer):
    home.run("install", offer)
    shutil.copy(offer, home.environment / "theirs.fseg")
    assert home.run("remove", "theirs").failed(4, str(home.environment))
    assert (home.environment / "theirs.fseg").exists()
    assert home.run("remove", "own").code == 0
    assert home.installed() == []
    assert home.run("remove", "own").failed(3, "no model 'own'")
    assert home.run("remove", offer).failed(2, "name")
    assert offer.exists()


def test_a_name_that_another_folder_claims_brings_a_warning(home, offer, files):
    shutil.copy(offer, home.environment)
    assert home.run("install", offer).err == ""  # the same model: no matter which is found
    done = home.run("install", files / "b" / "own.fseg", "--force")
    assert done.code == 0 and "warning" in done.err and "sought first" in done.err


def test_a_full_disk_leaves_the_old_model_and_nothing_else(home, offer, files):
    def no_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    home.run("install", offer)
    before = home.installed()
    other = files / "b" / "own.fseg"
    assert other.stat().st_size > 2000
    assert home.run("install", other, "--force", preexec_fn=no_room).failed(3, "full")
    assert home.installed() == before
    assert home.run("verify", "own").code == 0 and sha256(home.models / "own.fseg") == sha256(offer)


def test_a_folder_that_may_not_be_written_leaves_nothing(nobody, files, tmp_path):
    folder, options = nobody
    model = files / "a" / "own.fseg"
    for parent in model.parents:
        if str(parent).startswith("/tmp/") and os.geteuid() == 0:
            parent.chmod(parent.stat().st_mode | 0o055)
    done = run("models", "install", model, env={**os.environ, "XDG_DATA_HOME": str(folder)},
               **options)
    assert done.failed(3, "written")
    assert entries(folder) == []


def test_mistakes_on_the_command_line(home, offer):
    assert home.run().failed(2, "list, verify, install or remove")
    assert home.run("lst").failed(2, "needs list")
    assert home.run("install").failed(2, "file or a folder")
    assert home.run("remove").failed(2, "name")
    assert home.run("list", "own").failed(2, "'own'")
    assert home.run("verify", "--force").failed(2, "--force")
    assert home.run("install", "nowhere.fseg").failed(3, "nowhere.fseg")
    assert home.run("verify", "nowhere").failed(3, "nowhere")
    renamed = offer.rename(offer.with_name("own.bin"))
    assert home.run("install", renamed).failed(3, ".fseg")
    assert home.run("install", home.environment).failed(3, "no model")


@pytest.mark.skipif(not (SOURCE / "Resources/Models/liver-t2.fseg").is_file(),
                    reason="the model liver-t2 is not in Resources/Models")
def test_the_shipped_model_is_good_and_can_be_installed(home):
    shipped = home.list()["liver-t2", "shipped"]
    assert shipped["ok"] and shipped["licence"].startswith("CC BY-NC-SA 4.0")
    assert home.run("remove", "liver-t2").failed(4, "own folder")
    assert home.run("install", SOURCE / "Resources" / "Models").code == 0
    assert "liver-t2.LICENSE.txt" in home.installed()
    assert home.list()["liver-t2", "user"]["used"]
    assert not home.list()["liver-t2", "shipped"]["used"]


def test_a_model_in_the_place_of_a_shipped_one_brings_a_warning(home, offer, files):
    if ("liver-t2", "shipped") not in home.list():
        pytest.skip("no model liver-t2 came with this program")
    mine = shutil.copy(files / "a" / "own.fseg", offer.with_name("liver-t2.fseg"))
    done = home.run("install", mine)
    assert done.code == 0 and "no longer the one in" in done.err
