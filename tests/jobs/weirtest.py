"""What whole-job tests share: running `weir`, killing it, and holding its output against the plain
programs of tests/oracle. Only the Python standard library.

A case (see Case) is a job library with its settings and what is right. The checks below run it at
several parallelisms, kill it at random moments and at every failpoint, stop it and go on at another
parallelism; after each the output must be exactly right. Every check prints its seed; WEIR_SEED
sets it.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

SKIPPED = 77  # the exit status that ctest takes for "skipped"
PARALLELISMS = (1, 2, 3, 7)

SOURCE = os.environ.get("WEIR_SOURCE_DIR") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
)
BUILD = os.environ.get("WEIR_BUILD_DIR") or os.path.join(SOURCE, "build")
DATA = os.environ.get("WEIR_DATA_DIR") or os.path.join(os.path.dirname(SOURCE), "shared", "data")
ORACLE = os.path.join(SOURCE, "tests", "oracle")
os.environ["PATH"] = os.path.join(BUILD, "bin") + os.pathsep + os.environ["PATH"]


class Failure(Exception):
    """What a test found wrong."""


def data_file(name):
    """The path of a data file; skips the test where it is absent."""
    path = os.path.join(DATA, name)
    if not os.path.exists(path):
        print("skipped: %s is not there; WEIR_DATA_DIR names the folder to look in" % path)
        sys.exit(SKIPPED)
    return path


def manifests(state):
    """The ids of the checkpoints in a state folder, ascending; attempts leave marks among them."""
    folder = os.path.join(state, "checkpoints")
    ids = []
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        try:
            with open(os.path.join(folder, name), "rb") as file:
                if name.endswith(".json") and b'"mark":' not in file.read(100):
                    ids.append(int(name[:-5]))
        except FileNotFoundError:
            pass  # collected in this moment
    return ids


def unpack(path, target, rows=None):
    """Decompresses a .zst file of CSV, up to its first `rows` rows after the header."""
    text = subprocess.run(["zstd", "-dcq", path], stdout=subprocess.PIPE, check=True).stdout
    lines = text.splitlines(keepends=True)
    with open(target, "wb") as out:
        out.writelines(lines if rows is None else lines[: rows + 1])
    return target


def cut(path, folder, pieces):
    """Cuts a CSV file into `pieces` files with its header each; returns their paths. Neighbouring
    rows go to different files, so all of them span the same time."""
    with open(path, "rb") as whole:
        header, *rows = whole.read().splitlines(keepends=True)
    os.makedirs(folder, exist_ok=True)
    paths = [os.path.join(folder, "piece-%d.csv" % i) for i in range(pieces)]
    for i, target in enumerate(paths):
        with open(target, "wb") as out:
            out.write(header)
            out.writelines(rows[i::pieces])
    return paths


def generate_shop_events(target, users, events, seed):
    with open(target, "wb") as out:
        command = ["weir", "generate", "shop-events"]
        options = {"--users": users, "--events": events, "--seed": seed}
        for option, value in options.items():
            command += [option, str(value)]
        subprocess.run(command, stdout=out, check=True)
    return target


class Case:
    """A job and what is right of it.

    library   name of the job's library in the build
    inputs    the input files, for the plain program
    checks    argument lists of plain programs; `{output}` stands for the folder that the job wrote.
              The program's inputs are put behind its name.
    settings  further settings of the job
    input     what the job is told to read; default: the only input
    """

    def __init__(self, library, inputs, checks, settings=None, input=None):
        self.name = library
        self.library = os.path.join(BUILD, "jobs", library + ".so")
        self.inputs = inputs
        self.checks = checks
        self.settings = dict(settings or {}, input=os.path.abspath(input or inputs[0]))
        self.expected = None

    def command(self, run, parallelism, rate=None, interval="50ms", source=None):
        settings = dict(self.settings, output=run.output)
        if rate:
            settings["rate"] = rate
        command = ["weir", "run", self.library]
        for key, value in settings.items():
            command += ["--set", "%s=%s" % (key, value)]
        command += ["--state", run.state, "--parallelism", str(parallelism)]
        # Now and then so little memory that most of the state stays on disk.
        memory = random.choice([None, None, "4kB", "100kB"])
        if memory:
            command += ["--memory", memory]
        command += ["--checkpoint-interval", interval]
        return command + (["--from", source] if source else [])

    def check(self, run, what):
        """The output must be right, by the plain programs; the first time by running them, later by
        comparing with what was right then."""
        seen = run.rows()
        if self.expected is not None and seen == self.expected:
            return
        for program, *arguments in self.checks:
            arguments = [a.replace("{output}", run.output) for a in arguments]
            command = [sys.executable, "-B", os.path.join(ORACLE, program), *self.inputs]
            done = subprocess.run(command + arguments, capture_output=True, text=True)
            if done.returncode != 0:
                raise Failure(
                    "%s, %s: wrong output in %s\n%s%s"
                    % (self.name, what, run.folder, done.stdout, done.stderr)
                )
        self.expected = seen


class Run:
    """The folders of one run from its first start to its end, below the working directory."""

    def __init__(self, name):
        self.folder = os.path.abspath(os.path.join("runs", name))
        shutil.rmtree(self.folder, ignore_errors=True)
        self.output = os.path.join(self.folder, "output")
        self.state = os.path.join(self.folder, "state")
        os.makedirs(self.folder)

    def rows(self):
        """All committed lines by folder, sorted: their order may differ from run to run."""
        found = {}
        for folder, _, names in os.walk(self.output):
            lines = []
            for name in names:
                if name.startswith("part-"):
                    with open(os.path.join(folder, name), "rb") as part:
                        lines += part.readlines()
            if lines:
                found[os.path.relpath(folder, self.output)] = sorted(lines)
        return found

    def remove(self):
        """For runs that went well: what is left of a failed one is worth reading."""
        shutil.rmtree(self.folder, ignore_errors=True)


def finish(command, env=None, timeout=120):
    """Runs to the end; returns the exit status, negative for a signal."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=dict(os.environ, **(env or {})),
    )
    if done.returncode not in (0, -signal.SIGKILL):
        raise Failure(
            "exit status %d of: %s\n%s%s"
            % (done.returncode, " ".join(command), done.stdout, done.stderr)
        )
    return done.returncode


def start(command):
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def end(process, what):
    """Waits for a process that should end well or by our SIGKILL."""
    _, errors = process.communicate(timeout=120)
    if process.returncode not in (0, -signal.SIGKILL):
        raise Failure("%s: exit status %d\n%s" % (what, process.returncode, errors))
    return process.returncode


def seeded(what):
    seed = int(os.environ.get("WEIR_SEED") or random.SystemRandom().randrange(1 << 32))
    print("%s: WEIR_SEED=%d" % (what, seed), flush=True)
    return random.Random(seed)


# ---- the checks ---------------------------------------------------------------------------------


def at_every_parallelism(case):
    for parallelism in PARALLELISMS:
        run = Run("%s-p%d" % (case.name, parallelism))
        finish(case.command(run, parallelism))
        case.check(run, "parallelism %d" % parallelism)
        run.remove()
    print("%s: right at parallelism %s" % (case.name, ", ".join(map(str, PARALLELISMS))))


def across_kills(case, count, rate, longest=0.4):
    """Kills `count` times at random moments, each time going on at a random parallelism; when the
    job gets to its end before, that counts as a run and another begins. Returns (kills, runs)."""
    rng = seeded("%s, random kills" % case.name)
    kills = runs = 0
    while kills < count:
        run = Run("%s-kills-%d" % (case.name, runs))
        ended = False
        while not ended and kills < count:
            process = start(case.command(run, rng.choice(PARALLELISMS), rate))
            try:
                process.wait(rng.uniform(0.01, longest))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            ended = end(process, case.name) == 0
            kills += not ended
        if not ended:
            finish(case.command(run, rng.choice(PARALLELISMS)))
        runs += 1
        case.check(run, "after %d kills" % kills)
        run.remove()
    print("%s: right after %d kills in %d runs" % (case.name, kills, runs))
    return kills, runs


def failpoints():
    """Those that a job of files passes; kafka_test.py has the others."""
    names = subprocess.run(
        [os.path.join(BUILD, "tests", "bin", "weir_failpoints")], capture_output=True, text=True
    )
    return [name for name in names.stdout.split() if not name.startswith("kafka.")]


def across_failpoints(case, rate):
    """Dies at every failpoint, at the first or a later pass, and goes on. Returns the names of
    those that were passed and of those that were not."""
    rng = seeded("%s, every failpoint" % case.name)
    died, missed = [], []
    for name in failpoints():
        run = Run("%s-at-%s" % (case.name, name))
        died_here = False
        for nth in sorted({1, rng.randint(2, 4)}):
            env = {"WEIR_FAILPOINTS": "%s=kill@%d" % (name, nth)}
            if name.startswith("savepoint."):
                died_here |= dies_at_savepoint(case, run, rate, env)
            else:
                command = case.command(run, rng.choice(PARALLELISMS), rate)
                died_here |= finish(command, env) != 0
        finish(case.command(run, rng.choice(PARALLELISMS)))
        case.check(run, "after dying at " + name)
        run.remove()
        (died if died_here else missed).append(name)
    print("%s: right after dying at %d failpoints" % (case.name, len(died)))
    if missed:
        print("%s: never passed: %s" % (case.name, ", ".join(missed)))
    return died, missed


def dies_at_savepoint(case, run, rate, env):
    process = subprocess.Popen(
        case.command(run, 2, rate),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ, **env),
    )
    time.sleep(0.3)
    target = os.path.join(run.folder, "dying-savepoint")
    subprocess.run(
        ["weir", "savepoint", "--state", run.state, "--to", target],
        capture_output=True,
        timeout=60,
    )
    return end(process, case.name) != 0


def across_savepoints(case, rate, moves=((1, 3), (3, 2), (2, 7), (7, 1))):
    """Stops with a savepoint, and goes on from it in a new state folder at another parallelism."""
    for before, after in moves:
        run = Run("%s-%d-to-%d" % (case.name, before, after))
        process = start(case.command(run, before, rate))
        time.sleep(0.4)
        savepoint = os.path.join(run.folder, "savepoint")
        done = subprocess.run(
            ["weir", "savepoint", "--state", run.state, "--to", savepoint, "--stop"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode != 0:
            raise Failure("no savepoint of %s: %s%s" % (case.name, done.stdout, done.stderr))
        end(process, case.name)
        run.state = os.path.join(run.folder, "moved")
        finish(case.command(run, after, source=savepoint))
        case.check(run, "savepoint at %d, restored at %d" % (before, after))
        run.remove()
    print("%s: right across savepoints: %s" % (case.name, ", ".join("%d to %d" % m for m in moves)))


def main(*checks):
    """Runs checks one after the other; the exit status says whether all went well."""
    if not shutil.which("weir"):
        print("skipped: there is no `weir` on the PATH; ./dev build makes it")
        sys.exit(SKIPPED)
    try:
        for check in checks:
            check()
    except Failure as failure:
        print("FAILED: %s" % failure)
        sys.exit(1)
