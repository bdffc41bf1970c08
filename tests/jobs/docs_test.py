#!/usr/bin/env python3
"""Compiles the C++ examples of the documentation, so that they cannot rot.

Takes the marked blocks of README.md and docs/*.md, puts them into one translation unit and lets the
compiler check it. A block is marked behind the language of its fence:

    ```cpp complete    stands at namespace scope: types, job functions, a main
    ```cpp body        the body of void(weir::Job& job, weir::SourceStream<Event> events), where
                       Event is the struct of that name in an earlier block of the same page

The blocks of a page share a namespace. Errors name the page and the line. Checks also that links
between pages lead somewhere, and that the list of a cluster's options in docs/cluster.md is that of
the command. Exit status 0 when all is well.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(os.environ.get("WEIR_SOURCE_DIR", Path(__file__).resolve().parents[2]))
BUILD = Path(os.environ.get("WEIR_BUILD_DIR", SOURCE / "build"))
FENCE = re.compile(r"^( *)```(.*)$")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)\s]*)?\)")

PROLOGUE = """#include <weir/weir.h>
#undef WEIR_JOB
// One library has one job; here every page has some. The type of the function is still checked.
#define WEIR_JOB(function) static_assert(std::is_same_v<decltype(&function), weir::JobFunction>)
"""


def pages():
    return [SOURCE / "README.md", *sorted((SOURCE / "docs").glob("*.md"))]


def blocks(page):
    """Yields (mark, number of the first line, lines) for each fenced block."""
    mark, first, lines = None, 0, []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        fence = FENCE.match(line)
        if not fence:
            if mark is not None:
                lines.append(line)
        elif mark is None:
            mark, first, lines = fence[2].strip(), number + 1, []
        else:
            yield mark, first, lines
            mark = None
    if mark is not None:
        sys.exit(f"{page}: the block that begins at line {first - 1} has no end")


def translation_unit():
    includes, code, count = {}, [], 0
    for page in pages():
        name = page.relative_to(SOURCE)
        code.append(f"namespace page_{re.sub('[^a-z]', '_', str(name).lower())} {{")
        for mark, first, lines in blocks(page):
            if mark not in ("cpp complete", "cpp body"):
                continue
            count += 1
            if mark == "cpp body":
                code.append(f"[[maybe_unused]] static void body_{count}([[maybe_unused]] "
                            "weir::Job& job, [[maybe_unused]] weir::SourceStream<Event> events) {")
            code.append(f'#line {first} "{name}"')
            for line in lines:
                is_include = line.startswith("#include")
                if is_include:
                    includes[line] = None
                code.append("" if is_include else line)
            if mark == "cpp body":
                code.append("}")
        code.append("}")
    return "\n".join([*includes, PROLOGUE, *code, ""]), count


def compile_examples():
    text, count = translation_unit()
    with tempfile.TemporaryDirectory() as folder:
        unit = Path(folder) / "docs.cc"
        unit.write_text(text, encoding="utf-8")
        command = [os.environ.get("CXX", "g++"), "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra",
                   "-Werror", "-Wno-unused-function", "-I", str(SOURCE / "include"),
                   "-I", str(BUILD / "include"), str(unit)]
        if subprocess.run(command, cwd=SOURCE).returncode != 0:
            sys.exit("docs_test: an example of the documentation does not compile")
    print(f"docs_test: {count} examples compile")


def check_links():
    dead = []
    for page in pages():
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
            for target, _ in LINK.findall(line):
                if "://" not in target and not (page.parent / target).exists():
                    dead.append(f"{page.relative_to(SOURCE)}:{number}: no such file: {target}")
    if dead:
        sys.exit("\n".join(dead))


def documented_options():
    """The options in the table of docs/cluster.md, by command."""
    page = (SOURCE / "docs" / "cluster.md").read_text(encoding="utf-8")
    table = re.search(r"^\| command \| option .*\n\|.*\n((?:\|.*\n)+)", page, re.M)
    if not table:
        sys.exit("docs/cluster.md: the table of options is not there")
    options, command = {}, ""
    for row in table[1].splitlines():
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        command = cells[0] or command
        options.setdefault(command, set()).update(re.findall(r"`([a-z-]+)`", cells[1]))
    return options


def check_cluster_options():
    documented, wrong = documented_options(), []
    for command in ("coordinator", "worker", "local"):
        text = subprocess.run([str(BUILD / "bin" / "weir"), command, "--help"], check=True,
                              capture_output=True, text=True).stdout
        real = set(re.findall(r"^  --([a-z-]+)", text, re.M))
        for option in sorted(real ^ documented.get(command, set())):
            where = "only in docs/cluster.md" if option not in real else "not in docs/cluster.md"
            wrong.append(f"docs_test: option {option} of weir {command} is {where}")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    check_links()
    check_cluster_options()
    compile_examples()
