#!/usr/bin/env python3
"""Jobs whose state lies on S3, on a real server: killed and resumed at other parallelisms, moved by
savepoints there and back, while the server itself dies, and two at a time."""

import os
import shutil
import subprocess
import sys
import tempfile
import time

import cases
import weirtest

sys.path.insert(0, os.path.join(weirtest.SOURCE, "tests", "servers"))
import s3_server  # noqa: E402

RATE = 40_000


class S3Run(weirtest.Run):
    """A run with its state on S3."""

    count = 0

    def __init__(self, name):
        super().__init__(name)
        S3Run.count += 1
        self.place = "s3://%s/%s-%d" % (s3_server.BUCKET, name, S3Run.count)
        self.state = self.place + "/state"


def weir(*arguments, status=0, environment=None):
    done = subprocess.run(
        ["weir", *arguments], capture_output=True, text=True, timeout=60,
        env=dict(os.environ, **(environment or {})),
    )
    if done.returncode != status:
        raise weirtest.Failure(
            "exit status %d of: weir %s\n%s%s"
            % (done.returncode, " ".join(arguments), done.stdout, done.stderr)
        )
    return done.stdout + done.stderr


def across_places(case):
    """From S3 to a savepoint on S3, from that to files, from a savepoint in files back to S3."""
    run = S3Run(case.name + "-places")
    steps = [  # state, parallelism, savepoint that ends it
        (run.place + "/first", 1, run.place + "/save"),
        (os.path.join(run.folder, "second"), 3, os.path.join(run.folder, "save")),
        (run.place + "/third", 2, None),
    ]
    source = None
    for state, parallelism, savepoint in steps:
        run.state = state
        process = weirtest.start(case.command(run, parallelism, RATE, source=source))
        if savepoint:
            time.sleep(0.4)
            weir("savepoint", "--state", state, "--to", savepoint, "--stop")
            weir("checkpoints", "verify", savepoint)
            source = savepoint
        weirtest.end(process, case.name)
    case.check(run, "across savepoints on S3 and in files")
    run.remove()
    print("%s: right across savepoints on S3 and in files" % case.name)


def across_deaths_of_the_server(case, server):
    run = S3Run(case.name + "-server")
    process = weirtest.start(case.command(run, 2, RATE // 4))
    for _ in range(3):
        time.sleep(0.3)
        server.kill()
        time.sleep(0.3)
        server.start()
    if weirtest.end(process, case.name) != 0:
        raise weirtest.Failure("it did not outlive its server")
    case.check(run, "across deaths of the server")
    run.remove()
    print("%s: right across deaths of the server" % case.name)


def two_at_a_time(case):
    """On this host the second is refused; one of another host fences the first."""
    run = S3Run(case.name + "-two")
    first = weirtest.start(case.command(run, 2, RATE // 10))
    end = time.monotonic() + 30
    while subprocess.run(["weir", "status", "--state", run.state], capture_output=True).returncode:
        if time.monotonic() > end or first.poll() is not None:
            raise weirtest.Failure("the first does not run: %s" % first.communicate()[1])
        time.sleep(0.05)
    said = weir(*case.command(run, 2)[1:], status=3)
    if "in use" not in said or first.poll() is not None:
        raise weirtest.Failure("the second was not refused: " + said)
    run.output += "-of-another"
    with tempfile.TemporaryDirectory() as elsewhere:
        weir(*case.command(run, 3)[1:], environment={"XDG_RUNTIME_DIR": elsewhere})
    _, errors = first.communicate(timeout=60)
    if first.returncode == 0 or "newer attempt" not in errors:
        raise weirtest.Failure("the first was not fenced: %d %s" % (first.returncode, errors))
    run.remove()
    print("%s: of two, the older is fenced" % case.name)


def main():
    why = s3_server.missing()
    if why:
        print("skipped: " + why)
        sys.exit(weirtest.SKIPPED)
    weirtest.Run = S3Run
    words, cohorts = cases.word_count(), cases.shop_cohorts()
    folder = os.path.abspath("server")
    shutil.rmtree(folder, ignore_errors=True)
    with s3_server.S3Server(folder) as server:
        os.environ.update(server.environment)
        weirtest.main(
            lambda: weirtest.across_kills(words, count=4, rate=None, longest=0.05),
            lambda: weirtest.across_kills(cohorts, count=10, rate=RATE, longest=0.5),
            lambda: across_places(cohorts),
            lambda: across_deaths_of_the_server(cohorts, server),
            lambda: two_at_a_time(cohorts),
        )


main()
