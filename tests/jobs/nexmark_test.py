#!/usr/bin/env python3
"""The queries of the bench `nexmark` answer exactly what a plain program says: at parallelism 1 and
3, and when they are stopped half-way and go on at another. `WEIR_NEXMARK_EVENTS=1000000` takes more
events than the usual 100,000."""

import os
import shutil
import subprocess
import sys

import weirtest

BENCH = os.path.join(weirtest.BUILD, "bench", "nexmark_bench")
ORACLE = os.path.join(weirtest.ORACLE, "nexmark.py")


def dump(name, flags=(), **options):
    folder = os.path.abspath(os.path.join("runs", name))
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    command = [BENCH, "--dump", folder, *flags]
    for option, value in options.items():
        command += ["--" + option, str(value)]
    weirtest.finish(command, timeout=600)
    return folder


def compare(what, folders):
    command = [sys.executable, "-B", ORACLE, *folders]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise weirtest.Failure("%s: wrong answers\n%s%s" % (what, done.stdout, done.stderr))
    print("%s: %s" % (what, done.stdout.split("\n")[0]), flush=True)
    for folder in folders:
        shutil.rmtree(folder)


def all_queries():
    """A thousand events a second: windows close, a day ends, and events wander by seconds."""
    count = int(os.environ.get("WEIR_NEXMARK_EVENTS") or 100_000)
    options = {"events": count, "rate": 1000}
    folders = [dump("at-%d" % n, subtasks=n, **options) for n in (1, 3)]
    compare("%d events at parallelism 1 and 3" % count, folders)


def resumed():
    """Those with state of every kind; half a second of work, so that there is time to stop them."""
    options = {"events": 150_000, "rate": 1000, "query": "q3,q4,q5,q9,q16,q18,q19,q20"}
    compare("stopped and resumed", [dump("in-two", subtasks=2, flags=["--in-two"], **options)])


def through_the_day():
    """An event a second: every hour of the day, every minute of a channel."""
    options = {"events": 90_000, "rate": 1, "query": "q14,q17"}
    compare("a day and an hour", [dump("day", subtasks=2, **options)])


weirtest.main(all_queries, resumed, through_the_day)
