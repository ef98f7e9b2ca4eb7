"""Every identifier of a reason is explained to users, and no other."""
import pathlib
import re

import imaging_library as lib

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "user" / "messages.md"


def identifiers():
    found = []
    while (name := lib.library.fseg_series_reason_id(len(found))) is not None:
        found.append(name.decode())
    return found


def test_the_page_of_messages_has_every_identifier_and_no_other():
    rows = re.findall(r"^\| `([a-z-]+)` \| (.*) \| (.*) \|$", PAGE.read_text(), re.M)
    explained = [name for name, *_ in rows if name not in ("ok", "ok-regularized", "ambiguous", "refused")]
    assert len(set(explained)) == len(explained)
    assert sorted(explained) == sorted(identifiers())
    assert all(len(text) > 10 and len(advice) > 5 for name, text, advice in rows if name in explained)


def test_identifiers_are_words_that_fit_their_field():
    names = identifiers()
    assert len(names) == len(set(names)) >= 25
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) and len(name) <= 32 for name in names)
