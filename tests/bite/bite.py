#!/usr/bin/env python3
"""Do the tests bite? Breaks the engine in named ways and looks which test notices: `./dev bite`.

  bite.py                  all breaks of breaks.py, one after another
  bite.py NAME...          only these
  bite.py --list           their names
  bite.py --check          only that each search text still occurs exactly once
  bite.py --only SUITE     what do the tests of one folder notice alone? Changes no results
  bite.py --write-docs     afterwards write the table of docs/bite.md; needs a result of every break
  bite.py --work FOLDER    where the copy of the tree and its build lie (build-bite)

The tree itself is never touched: a copy of it is broken, built in a folder of its own and put right
again. Before the tests of a folder count, they must pass on that copy unbroken. Exit status 1: a
break survived, or a search text no longer occurs exactly once.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from breaks import BREAKS
from workshop import SUITES, Workshop, folder_of

ROOT = Path(__file__).resolve().parents[2]
DOCS = Path("docs/bite.md")
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def check_texts(root):
    """Complains about breaks that no longer fit the sources; returns what is wrong."""
    problems = []
    names = [one.name for one in BREAKS]
    problems += [f"{name}: listed twice" for name in sorted(set(names)) if names.count(name) > 1]
    for one in BREAKS:
        path = root / one.file
        found = path.read_text(encoding="utf-8").count(one.old) if path.is_file() else 0
        if found != 1:
            problems.append(f"{one.name}: its text occurs {found} times in {one.file}, not once")
        if one.old == one.new:
            problems.append(f"{one.name}: it changes nothing")
        for suite in one.tried:
            file = root / f"tests/{suite}_test.cc"
            if suite not in SUITES and not (folder_of(suite) in SUITES and file.is_file()):
                problems.append(f"{one.name}: there are no tests '{suite}'")
    return problems


def try_break(shop, one, only=None):
    """Breaks the copy, and returns the tests that noticed; an empty list means that it survived."""
    # The folders of the files that were tried before the others.
    folders = [folder_of(suite) for suite in one.tried]
    for suite in [only] if only else dict.fromkeys([*one.tried, *folders, *SUITES]):
        if failed := shop.failures_unbroken(suite):
            sys.exit(f"bite: without any break these fail: {', '.join(failed)}")
        with shop.broken(one.file, one.old, one.new):
            if failed := shop.failures(suite):
                return failed
    return []


def table(results):
    rows = ["| break | what is wrong then | file | caught by |", "| --- | --- | --- | --- |"]
    for one in BREAKS:
        caught = ", ".join(f"`{test}`" for test in results[one.name]) or "**nothing**"
        rows.append(f"| `{one.name}` | {one.what} | `{one.file}` | {caught} |")
    return "\n".join(rows)


def write_docs(root, results):
    missing = [one.name for one in BREAKS if one.name not in results]
    if missing:
        sys.exit(f"bite: no result yet of {', '.join(missing)}; run them first")
    path = root / DOCS
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    head = f"{len(BREAKS)} breaks, {sum(1 for one in BREAKS if results[one.name])} caught.\n\n"
    path.write_text(f"{before}{BEGIN}\n{head}{table(results)}\n{END}{after}", encoding="utf-8")


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bite", add_help=True)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--only", choices=SUITES, metavar="SUITE")
    parser.add_argument("--work", type=Path, default=ROOT / "build-bite")
    options = parser.parse_args()
    unknown = set(options.names) - {one.name for one in BREAKS}
    if unknown:
        parser.error(f"no break {', '.join(sorted(unknown))}; see --list")
    return options


def ask_one(shop, options):
    """Prints what one suite notices of each break."""
    noticed = total = 0
    for one in BREAKS:
        if options.names and one.name not in options.names:
            continue
        failed = try_break(shop, one, options.only)
        total, noticed = total + 1, noticed + bool(failed)
        print(f"{one.name:26} {', '.join(failed) or '-'}", flush=True)
    print(f"bite: {options.only} alone notices {noticed} of {total} breaks")
    return 0


def main():
    options = arguments()
    if options.list:
        print("\n".join(f"{one.name:26} {one.what}" for one in BREAKS))
        return 0
    problems = check_texts(ROOT)
    if problems or options.check:
        print("\n".join(problems) or f"bite: {len(BREAKS)} breaks fit the sources")
        return 1 if problems else 0

    shop = Workshop(ROOT, options.work)
    shop.copy_tree()
    if options.only:
        return ask_one(shop, options)
    kept = options.work / "results.json"
    results = json.loads(kept.read_text()) if kept.is_file() else {}
    survivors = []
    for one in BREAKS:
        if options.names and one.name not in options.names:
            continue
        begin = time.monotonic()
        results[one.name] = try_break(shop, one)
        kept.write_text(json.dumps(results, indent=1))
        said = ", ".join(results[one.name]) or "SURVIVED"
        print(f"{one.name:26} {time.monotonic() - begin:4.0f} s  {said}", flush=True)
        if not results[one.name]:
            survivors.append(one.name)
    if options.write_docs:
        write_docs(ROOT, results)
    if survivors:
        print(f"bite: nothing caught {', '.join(survivors)}; write the test that does")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
