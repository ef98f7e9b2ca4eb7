"""Runs the figures of trust and writes their table, docs/quality/figures.md.

usage: trust.py --build DIR [--again] [--quick] [FIGURE...]   run figures ("F7 F13", "LOAD"; default: all)
       trust.py --table [--build DIR]                         only write the table
       trust.py --check                                       exit 1 when the table is not current
       trust.py --list                                        the scripts and the figures they give

A figure is a script of this folder, fNN_name.py or load_name.py, whose last line of output is a JSON object
(figure.py says which). It ends with 0 when the target is met, with 77 when something that it needs is not
there; then its last line says what.

The result of every script is kept in DIR/trust/ with a hash of the sources that it depends on, so a run that was
interrupted goes on where it was, and only what is missing or stale is run. --again runs all the same.
docs/quality/figures.json holds the results that are committed; those of DIR replace older ones there.
"""

import argparse
import ast
import datetime
import functools
import hashlib
import json
import os
import pathlib
import platform
import re
import signal
import subprocess
import sys
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = pathlib.Path(__file__).resolve().parent
RECORDS = ROOT / "docs/quality/figures.json"
PAGE = ROOT / "docs/quality/figures.md"
SCRIPT = re.compile(r"^(?:f(\d\d)|(load))_\w+$")
SKIPPED = 77
# What a figure depends on, unless its script says so by SOURCES = (...).
SOURCES = ("Logic", "Module", "Resources/Models", "ThirdParty")


# ---- scripts ---------------------------------------------------------------------------------------------


def figure_of(stem):
    """"f07_orientations" -> "F7", "load_node" -> "LOAD"; None for a file that is no figure."""
    match = SCRIPT.match(stem)
    return match and ("LOAD" if match[2] else f"F{int(match[1])}")


def scripts(folder=FOLDER):
    """{stem: path} of the figures, in order."""
    found = {path.stem: path for path in folder.glob("*.py") if figure_of(path.stem)}
    return dict(sorted(found.items(), key=lambda item: (item[0].startswith("load"), item[0])))


def chosen(names, all_scripts):
    """The scripts that "F7", "f7", "f07" or a stem mean."""
    if not names:
        return all_scripts
    wanted = {}
    for name in names:
        short = re.sub(r"^F0*(\d)", r"F\1", name.upper())
        hits = {s: p for s, p in all_scripts.items() if s == name or figure_of(s) == short}
        if not hits:
            sys.exit(f"trust: there is no figure {name}; trust.py --list shows them")
        wanted.update(hits)
    return {stem: path for stem, path in all_scripts.items() if stem in wanted}


def depends_on(path):
    """The script's SOURCES, without running it."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "SOURCES":
            return ast.literal_eval(node.value)
    return SOURCES


@functools.cache
def file_hash(path):
    return hashlib.sha256(path.read_bytes()).digest()


def source_hash(path, root=ROOT):
    """Of the content of the script and of all that it depends on."""
    digest = hashlib.sha256(path.read_bytes())
    for name in sorted(depends_on(path)):
        top = root / name
        files = [top] if top.is_file() else sorted(p for p in top.rglob("*") if p.is_file())
        for file in files:
            if "__pycache__" not in file.parts:
                digest.update(f"\0{file.relative_to(root)}\0".encode())
                digest.update(file_hash(file))
    return digest.hexdigest()


# ---- running ---------------------------------------------------------------------------------------------


def environment(build):
    """What ctest gives the command-line tests, and the build folder."""
    build = pathlib.Path(build).resolve()
    return {
        **os.environ,
        "FRUGALSEG_PROGRAM": str(build / "bin/frugalseg"),
        "FRUGALSEG_COMPUTE_LIBRARY": str(build / "lib/libfrugalseg_compute_shared.so"),
        "FRUGALSEG_IMAGING_LIBRARY": str(build / "lib/libfrugalseg_imaging.so"),
        "FRUGALSEG_SOURCE_DIR": str(ROOT),
        "FRUGALSEG_BUILD_DIR": str(build),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def machine():
    """The kind of this machine: processor, cores and memory; no name of it."""
    model, memory = platform.machine(), ""
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
        model = re.search(r"^model name\s*: (.+)$", text, re.M)[1]
        kilobytes = int(re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())[1])
        memory = f", {round(kilobytes / 2**20)} GiB"
    except (OSError, TypeError):
        pass
    model = re.sub(r"\((?:R|TM)\)|\bCPU\b|@.*$", "", model)
    return f"{' '.join(model.split())}, {len(os.sched_getaffinity(0))} threads{memory}, {platform.system()}"


def commit():
    """The commit that was measured; with "+" when the work tree differed. "" without git."""
    ask = lambda *words: subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True).stdout.strip()
    try:
        name = ask("rev-parse", "--short", "HEAD")
        return name + ("+" if name and ask("status", "--porcelain", "-uno") else "")
    except OSError:
        return ""


def last_json(text):
    """The last line that is a JSON object with a figure; None without one."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict) and "figure" in found and "met" in found:
                return found
    return None


def run(stem, path, build, quick):
    """One script; its output goes to the terminal and to a log. Returns the record."""
    folder = pathlib.Path(build) / "trust"
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-B", str(path), *(["--quick"] if quick else [])]
    lines, start = [], time.monotonic()
    with open(folder / f"{stem}.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(command, env=environment(build), stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, errors="replace")  # fmt: skip
        try:
            for line in process.stdout:
                print(f"  {line}", end="", flush=True)
                log.write(line)
                lines.append(line)
            code = process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.wait()
            raise
    output = "".join(lines)
    result = last_json(output)
    words = [line for line in output.strip().splitlines() if not line.startswith("{")]
    record = {
        "script": stem,
        "figure": figure_of(stem),
        "date": datetime.date.today().isoformat(),
        "finished": round(time.time()),
        "machine": machine(),
        "seconds": round(time.monotonic() - start, 1),
        "sources": source_hash(path),
        "commit": commit(),
    }
    if code == SKIPPED:
        record["skipped"] = words[-1] if words else "something that it needs is not there"
    elif result is None:
        record["failed"] = f"no result, exit code {code}: {words[-1][:200] if words else 'no output'}"
    else:
        record |= {key: result[key] for key in ("what", "value", "target", "met") if key in result}
        record["met"] = bool(result["met"]) and code == 0
    # Nothing of this machine in a page that is committed.
    text = json.dumps(record).replace(f"{ROOT}/", "").replace(str(ROOT), ".")
    return json.loads(text.replace(str(pathlib.Path(build).resolve()), "BUILD"))


def stored(build):
    """{stem: record} of a build folder."""
    found = {}
    for path in sorted((pathlib.Path(build) / "trust").glob("*.json")) if build else []:
        found[path.stem] = json.loads(path.read_text("utf-8"))
    return found


# ---- the table -------------------------------------------------------------------------------------------


def merged(build, records=RECORDS):
    """The committed records, replaced by newer ones of the build folder; scripts that are gone left out."""
    found = json.loads(records.read_text("utf-8")) if records.is_file() else {}
    for stem, record in stored(build).items():
        if record["finished"] >= found.get(stem, {}).get("finished", 0):
            found[stem] = record
    return {stem: found[stem] for stem in scripts() if stem in found}


def cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def row(number, listed, stem, record):
    """One line of the table."""
    what, target = record.get("what", listed["what"]), record.get("target", listed["target"])
    command = f"`make trust FIGURES={number}`" if stem else ""
    if not record:
        state = "not run yet" if stem else "**no script yet**"
        return [number, what, target, state, "-", "", "", command]
    if "skipped" in record or "failed" in record:
        value = f"not run: {record['skipped']}" if "skipped" in record else f"**{record['failed']}**"
        return [number, what, target, value, "-", record["date"], "", command]
    verdict = "met" if record["met"] else "**missed**"
    seconds = f"{record['seconds']:.0f} s" if record["seconds"] < 600 else f"{record['seconds'] / 60:.0f} min"
    when = " ".join(filter(None, [record["date"], record.get("commit")]))
    return [number, what, target, record["value"], verdict, when, seconds, command]


def page(records):
    table = tomllib.loads((FOLDER / "figures.toml").read_text("utf-8"))
    names = {stem: figure_of(stem) for stem in scripts()}
    rows, machines = [], {}
    for number, listed in table.items():
        own = [stem for stem, figure in names.items() if figure == number]
        for stem in own or [None]:
            record = records.get(stem, {})
            rows.append(row(number, listed, stem, record))
            if "met" in record:
                machines.setdefault(record["machine"], []).append(number)
    met = sum(r[4] == "met" for r in rows)
    missed = sum("missed" in r[4] for r in rows)
    lines = [
        "# Figures of trust",
        "",
        "Made by `make trust` (`Testing/Trust/trust.py`) from `figures.json`; do not edit. Each line is one script of",
        "`Testing/Trust`, run in its full form; ctest runs a short form of each (`ctest -L trust`). A target that is",
        "missed stays in the table, with its value. Research software, not a medical device.",
        "",
        f"**{met} met, {missed} missed, {len(rows) - met - missed} not run.**",
        "",
        "| # | what | target | value | | date, commit | took | command |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += ["| " + " | ".join(cell(text) for text in r) + " |" for r in rows]
    lines += ["", "## Machines", ""]
    for kind, figures in sorted(machines.items()):
        lines.append(f"* {kind}: {', '.join(dict.fromkeys(figures))}")
    return "\n".join(lines) + "\n"


def write_table(build):
    records = merged(build)
    RECORDS.write_text(json.dumps(records, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(page(records), "utf-8")
    stale = [s for s, p in scripts().items() if s in records and records[s]["sources"] != source_hash(p)]
    if stale:
        print(f"trust: sources have changed since these were run: {' '.join(stale)}")


def is_current():
    """Whether the page shows every committed record as it is. Scripts that came later may lack their line."""
    records = json.loads(RECORDS.read_text("utf-8")) if RECORDS.is_file() else {}
    shown = {stem: records[stem] for stem in scripts() if stem in records}
    results = [line for line in page(shown).splitlines() if "| met |" in line or "| **missed** |" in line]
    present = PAGE.read_text("utf-8").splitlines() if PAGE.is_file() else []
    return all(line in present for line in results)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("figures", nargs="*")
    parser.add_argument("--build", help="the build to measure")
    parser.add_argument("--again", action="store_true", help="run what is current, too")
    parser.add_argument("--quick", action="store_true", help="short forms; nothing is recorded")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if options.list:
        for stem in scripts():
            print(f"{figure_of(stem):5s} {stem}")
        return 0
    if options.check:
        return 0 if is_current() else 1
    if options.table:
        write_table(options.build)
        return 0
    if not options.build:
        parser.error("--build DIR says which build to measure")
    known, failures = stored(options.build), []
    try:
        for stem, path in chosen(options.figures, scripts()).items():
            old = known.get(stem)
            if old and "met" in old and old["sources"] == source_hash(path) and not (options.again or options.quick):
                print(f"{old['figure']} {stem}: {'met' if old['met'] else 'missed'}, {old['value']} (kept)")
                failures += [] if old["met"] else [stem]
                continue
            print(f"{figure_of(stem)} {stem} ...", flush=True)
            record = run(stem, path, options.build, options.quick)
            state = "met" if record.get("met") else "not run" if "skipped" in record else "missed"
            print(f"{record['figure']} {stem}: {state}, "
                  f"{record.get('value') or record.get('skipped') or record.get('failed')}")  # fmt: skip
            failures += [stem] if state == "missed" else []
            if not options.quick:
                target = pathlib.Path(options.build) / "trust" / f"{stem}.json"
                target.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
    except KeyboardInterrupt:
        print("\ntrust: interrupted; the next run goes on here")
        failures.append("interrupted")
    if not options.quick:
        write_table(options.build)
        print(f"trust: see {PAGE.relative_to(ROOT)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
