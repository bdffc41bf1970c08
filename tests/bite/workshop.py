"""The copy of the tree that `bite.py` breaks: copied, built and tested in a folder of its own."""

import contextlib
import hashlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

# The unit tests by folder, and whole jobs in simulation. In the order in which they are tried.
SUITES = ("base", "checkpoint", "runtime", "net", "operators", "connectors", "cluster", "sim")
# A test hangs, which is noticed too, when its suite takes so many times as long as unbroken.
HANGS_FACTOR, HANGS_AT_LEAST_S, HANGS_UNBROKEN_S = 20, 60, 900
MOST_MEMORY_BYTES = 8 << 30  # a loop that allocates must not take the machine along
SOURCES = {".cc", ".h", ".cmake", ".txt", ""}  # of which the tests are made
MOST_NAMES = 3  # of tests that noticed a break
FAILED = re.compile(r"^\[  FAILED  \] ([\w/]+\.[\w/]+)", re.MULTILINE)
BEGUN = re.compile(r"^\[ RUN      \] ([\w/]+\.[\w/]+)", re.MULTILINE)


def folder_of(suite):
    """A suite is a folder of tests, or one file of them: "operators", "operators/window"."""
    return suite.split("/")[0]


def _program(suite):
    folder, _, file = suite.partition("/")
    return f"weir_{folder}_{file}_test" if file else f"weir_{folder}_tests"


class Workshop:
    """Where the engine is broken and put right again."""

    def __init__(self, root, work):
        self._root = root
        self._tree, self._build = work / "tree", work / "build"
        self._remembered = work / "passed.json"
        self._state = ""  # of the tree
        self._passed = {}  # the suites that pass in this state, and in how many seconds

    def copy_tree(self):
        """Makes the copy equal to the tree; files that are equal stay as they are, and built."""
        listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"],
                                cwd=self._root, check=True, capture_output=True, text=True).stdout
        wanted = {name for name in listed.split("\0")
                  if name and os.path.lexists(self._root / name)}
        for name in sorted(wanted):
            _make_equal(self._root / name, self._tree / name)
        for path in [*self._tree.rglob("*")]:
            if not path.is_dir() and str(path.relative_to(self._tree)) not in wanted:
                path.unlink()
        self._state = _digest(self._tree, sorted(wanted))
        if self._remembered.is_file():
            state, passed = json.loads(self._remembered.read_text())
            self._passed = passed if state == self._state else {}

    def failures_unbroken(self, suite):
        """What fails without a break; once is enough for one state of the tree."""
        if suite in self._passed:
            return []
        self._build_tests(suite)
        begin = time.monotonic()
        failed = self._run(suite, HANGS_UNBROKEN_S)
        if not failed:
            self._passed[suite] = time.monotonic() - begin
            self._remembered.write_text(json.dumps([self._state, self._passed]))
        return failed

    @contextlib.contextmanager
    def broken(self, file, old, new):
        """Within, `old` is replaced by `new` in `file` of the copy."""
        path = self._tree / file
        whole = path.read_text(encoding="utf-8")
        path.write_text(whole.replace(old, new), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(whole, encoding="utf-8")

    def failures(self, suite):
        """Builds and runs the tests of a suite that pass unbroken; returns the first that fail."""
        self._build_tests(suite)
        return self._run(suite, max(HANGS_AT_LEAST_S, HANGS_FACTOR * self._passed[suite]))

    def _build_tests(self, suite):
        if not (self._build / "build.ninja").is_file():
            # Neither -g nor -O2: what is built here runs for seconds and is thrown away.
            self._call(["cmake", "-S", self._tree, "-B", self._build, "-G", "Ninja",
                        "-DCMAKE_BUILD_TYPE=Bite", "-DCMAKE_CXX_FLAGS_BITE=-O1 -DNDEBUG",
                        "-DWEIR_WERROR=OFF", "-DWEIR_ENGINE_ONLY=ON", "-DWEIR_TEST_EACH=ON"])
        jobs = os.environ.get("WEIR_JOBS", str(os.cpu_count()))
        self._call(["ninja", "-C", self._build, "-j", jobs, _program(suite)])

    def _run(self, suite, limit_s):
        # Other folders than those of a usual run, so that both can go on at a time.
        place = self._build / "run" / suite
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        command = [self._build / "tests/bin" / _program(suite), "--gtest_brief=0"]
        if suite == "sim":
            command.append("--gtest_fail_fast")
        folders = {"TMPDIR": str(place), "TEST_TMPDIR": str(place)}
        try:
            done = subprocess.run(command, cwd=place, capture_output=True, text=True,
                                  errors="replace", timeout=limit_s, preexec_fn=_limit,
                                  env={**os.environ, **folders}, check=False)
            text, ok, how = done.stdout, done.returncode == 0, "ends the process"
        except subprocess.TimeoutExpired as late:
            # Bytes, though text was asked for: a habit of subprocess.
            text, ok, how = (late.stdout or b"").decode(errors="replace"), False, "hangs"
        shutil.rmtree(place, ignore_errors=True)
        if ok:
            return []
        names = list(dict.fromkeys(FAILED.findall(text)))
        if not names:
            begun = BEGUN.findall(text)
            names = [f"{begun[-1]} ({how})" if begun else f"({how} before any test)"]
        return [f"{folder_of(suite)}.{name}" for name in names[:MOST_NAMES]]

    @staticmethod
    def _call(command):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            sys.exit(f"bite: {command[0]} failed:\n{(done.stdout + done.stderr)[-4000:]}")


def _limit():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))


def _make_equal(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        if not target.is_symlink() or os.readlink(target) != os.readlink(source):
            target.unlink(missing_ok=True)
            target.symlink_to(os.readlink(source))
    elif not target.is_file() or target.read_bytes() != source.read_bytes():
        shutil.copy(source, target)


def _digest(tree, names):
    total = hashlib.sha256()
    for name in names:
        path = tree / name
        if path.suffix not in SOURCES:
            continue
        content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        total.update(f"{name}\0{len(content)}\0".encode() + content)
    return total.hexdigest()
