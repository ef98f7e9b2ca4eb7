"""F21: third-party parts with an open CVE of 7.0 or more and no written mitigation.

docs/quality/third-party.md lists the parts and their known weaknesses. A weakness counts as answered when its line says
whether it reaches us and what prevents it. This figure cannot know a CVE that nobody has looked up: the date of the page
tells when that was.
"""

import re

import figure

SOURCES = ("docs/quality/third-party.md", "ThirdParty", "Logic")
EMPTY = {"", "-", "none", "none yet", "unknown", "?"}


def tables(text):
    """[(heading, [cells])] of all rows but the heads of tables."""
    heading, rows = "", []
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ").strip()
        elif line.startswith("|") and not re.match(r"^\|[-| :]+\|$", line):
            rows.append((heading, [cell.strip() for cell in line.strip("|").split("|")]))
    return rows


def measure(run):
    text = (figure.SOURCE / "docs/quality/third-party.md").read_text("utf-8")
    weak = [cells for heading, cells in tables(text) if heading == "Known weaknesses" and cells[0].startswith("CVE")
            and cells[0] != "CVE"]  # fmt: skip
    numbers = re.findall(r"CVE-\d{4}-\d{4,}", " ".join(cells[0] for cells in weak))
    loose = sorted(set(re.findall(r"CVE-\d{4}-\d{4,}", text)) - set(numbers))
    unanswered, high = [], 0
    for cells in weak:
        score = re.search(r"\((?:about )?(\d+\.\d)\)", cells[0])
        grave = score is None or float(score[1]) >= 7.0  # without a score the worst is assumed
        high += grave
        if grave and (len(cells) < 5 or cells[3].lower() in EMPTY or cells[4].lower() in EMPTY):
            unanswered.append(cells[0])
    parts = [cells[0] for heading, cells in tables(text) if heading.startswith("In the program") and cells[0] != "part"]
    date = re.search(r"state of (\d+ \w+ \d{4})", text.replace("\n", " "))
    # What the page says about DCMTK's network classes must be so.
    calls = any(b"dcmtk/dcmnet/" in path.read_bytes() for path in (figure.SOURCE / "Logic").rglob("*")
                if path.suffix in (".h", ".cxx"))  # fmt: skip
    if calls == ("**Not called: dcmnet" in text):
        unanswered.append("what the page says of dcmnet, which is " + ("called" if calls else "not called"))
    for name in [*unanswered, *loose]:
        run.say(f"without an answer: {name}")
    value = (f"{len(unanswered) + len(loose)} of {high} lines of 7.0 or more ({len(numbers)} CVEs, {len(parts)} parts in the "
             f"program), looked up on {date[1] if date else 'an unknown day'}")  # fmt: skip
    return run.result(value, not unanswered and not loose and high > 0 and date is not None and len(parts) > 10)


if __name__ == "__main__":
    figure.main("F21", "third-party parts with an open CVE of 7.0 or more and no written mitigation", "0", measure)
