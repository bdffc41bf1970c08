#!/usr/bin/env python3
"""Checks the rules of the house that a compiler does not: `./dev lint`.

Format (clang-format), 100 columns, the include order between folders, a README in every folder, no
notes to self left behind. Prints every breach as file:line: text and exits with 1 if there is one.
"""

import re
import subprocess
import sys
from pathlib import Path

# A folder may include itself and what stands to its left (see docs/architecture.md).
BELOW = {
    "base": {"base"},
    "checkpoint": {"base", "checkpoint"},
    "runtime": {"base", "checkpoint", "runtime"},
    "net": {"base", "checkpoint", "runtime", "net"},
    "cluster": {"base", "checkpoint", "runtime", "net", "cluster"},
    "operators": {"base", "checkpoint", "runtime", "operators"},
    "connectors": {"base", "checkpoint", "runtime", "connectors"},
}
COLUMNS = 100
CODE = {".h", ".cc"}
SCRIPTS = {".py", ".sh", ".cmake"}
INCLUDE = re.compile(r'#include\s+[<"]weir/([a-z_]+)/')
NOTE = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")


def tracked_files():
    listing = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True)
    paths = (Path(line) for line in listing.stdout.splitlines())
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def check_lines(path, problems):
    allowed = BELOW.get(path.parts[0])
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if len(line) > COLUMNS:
            problems.append(f"{path}:{number}: {len(line)} columns, more than {COLUMNS}")
        if NOTE.search(line):
            problems.append(f"{path}:{number}: a note to self; do it or drop it")
        include = INCLUDE.search(line)
        if include and allowed is not None and include[1] not in allowed:
            problems.append(f"{path}:{number}: {path.parts[0]}/ may not include {include[1]}/")


def check_readmes(files, problems):
    folders = {path.parent for path in files if path.suffix in CODE | {".md"}}
    for folder in sorted(folders):
        inside_tests = folder.parts[:1] == ("tests",) and len(folder.parts) > 1
        generated = folder.parts[:1] in [("include",), (".ci",), ("docs",)]
        if not (folder / "README.md").is_file() and not inside_tests and not generated:
            problems.append(f"{folder}/: no README.md")


def check_format(files, problems):
    sources = [str(path) for path in files if path.suffix in CODE]
    if not sources:
        return
    run = subprocess.run(["clang-format", "--dry-run", "-Werror", *sources],
                         capture_output=True, text=True)
    if run.returncode != 0:
        problems.extend(line for line in run.stderr.splitlines() if "error:" in line)


def main():
    files = tracked_files()
    problems = []
    for path in files:
        if path.suffix in CODE | SCRIPTS or path.name in ("dev", "CMakeLists.txt"):
            check_lines(path, problems)
    check_readmes(files, problems)
    check_format(files, problems)
    for problem in problems:
        print(problem)
    print(f"lint: {len(files)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
