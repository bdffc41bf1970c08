"""A job at full rate for a long time: does anything grow? Used by `soak rate` and rate_test.py.

The job of rate.cc runs in a process of its own, with two subtasks, files and a checkpoint each
second. Once a second its resident memory, open files, and the files of its state folder are
looked at; it writes down itself how long checkpoints and results take. In the end the second sixth
of the time is compared with the last one, and a line is fitted; and its output is held against
arithmetic.
"""

import collections
import datetime
import glob
import json
import os
import signal
import statistics
import subprocess
import time

import weirtest

SUBTASKS, SPLITS, SHOPS, SHOWN_USERS, BLOCK_MS = 2, 2, 100, 1000, 60_000
KEEP_CHECKPOINTS = 3  # what `weir run` keeps unless told otherwise


class Course:
    """What rate.cc reads, as it says itself."""

    def __init__(self, users, rounds):
        self.users, self.rounds = users, rounds

    def user_rounds(self, block):
        """What the rounds of a block add to the amounts of one user's events in one split."""
        first = block * self.rounds
        return sum(r % 13 for r in range(first, first + self.rounds))

    def user(self, user):
        """(count, sum) of a user."""
        rest = self.rounds * (user % 97) + self.user_rounds(user // self.users)
        return SPLITS * self.rounds, SPLITS * rest

    def shop(self, shop, block):
        """(count, sum) of a shop in a block."""
        first = block * self.users
        begin = first + (shop - first) % SHOPS
        users = range(begin, first + self.users, SHOPS)
        amounts = self.rounds * sum(u % 97 for u in users)
        return (
            SPLITS * self.rounds * len(users),
            SPLITS * (amounts + len(users) * self.user_rounds(block)),
        )


# ---- measuring ----------------------------------------------------------------------------------


def look(pid, state):
    """What can be seen of the process and its state folder now; None when it is gone."""
    try:
        with open("/proc/%d/statm" % pid, encoding="ascii") as statm:
            resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        handles = len(os.listdir("/proc/%d/fd" % pid))
    except (FileNotFoundError, ProcessLookupError):
        return None
    files = size = 0
    for folder, _, names in os.walk(state):
        for name in names:
            try:
                size += os.path.getsize(os.path.join(folder, name))
                files += 1
            except FileNotFoundError:
                pass  # collected in this moment
    kept = len(weirtest.manifests(state))
    return {"memory": resident, "handles": handles, "files": files, "bytes": size, "kept": kept}


def measurements(path):
    """By checkpoint: how long it took from its first barrier to its completion, and the results."""
    lines = {}
    if os.path.exists(path):
        with open(path, encoding="ascii") as file:
            for text in file:
                line = json.loads(text)
                lines.setdefault(line["checkpoint"], []).append(line)
    series = {"checkpoint": [], "result median": [], "result p99": []}
    for _, parts in sorted(lines.items()):
        begin = min(part["barrier_ns"] for part in parts)
        series["checkpoint"].append((max(p["complete_ns"] for p in parts) - begin) / 1e6)
        told = [part for part in parts if part["results"] > 0]
        if told:
            series["result median"].append(max(p["median_ns"] for p in told) / 1e6)
            series["result p99"].append(max(p["p99_ns"] for p in told) / 1e6)
    return series


# ---- judging ------------------------------------------------------------------------------------

# What is looked at: its unit, how to show it, and what growth means nothing: a share, and a rest.
QUANTITIES = {
    "memory": ("MB", 1e-6, 0.10, 20e6),
    "handles": ("", 1, 0.10, 4),
    "files": ("", 1, 0.20, 10),
    "bytes": ("MB", 1e-6, 0.20, 10e6),
    "checkpoint": ("ms", 1, 0.50, 50),
    "result median": ("ms", 1, 0.50, 50),
    "result p99": ("ms", 1, 0.50, 200),
}
TIMED = ("checkpoint", "result median", "result p99")


def slope(values):
    """Of the line with the least squares through the values, for one step."""
    middle, mean = (len(values) - 1) / 2, statistics.fmean(values)
    spread = sum((i - middle) ** 2 for i in range(len(values)))
    return sum((i - middle) * (v - mean) for i, v in enumerate(values)) / spread if spread else 0


def judge(name, values, patience):
    """Prints a row; true when it grows: both from the second to the last sixth of the time, and
    along the line. `patience` is how many times more growth means nothing."""
    unit, scale, share, rest = QUANTITIES[name]
    sixth = max(1, len(values) // 6)
    early = statistics.median(values[sixth : 2 * sixth])
    late = statistics.median(values[-sixth:])
    drift = slope(values[sixth:]) * (len(values) - 2 * sixth)
    allowed = patience * (share * early + rest)
    grows = late - early > allowed and drift > allowed
    show = lambda value: "%.1f" % (value * scale)
    print(
        "%-14s %10s %10s %10s %10s %-3s %s"
        % (name, show(early), show(late), show(drift), show(max(values)), unit,
           "GROWS" if grows else "flat")
    )
    return grows


# ---- the output ---------------------------------------------------------------------------------


def rows(folder):
    for path in glob.glob(os.path.join(folder, "part-*.jsonl")):
        with open(path, encoding="ascii") as file:
            for line in file:
                yield json.loads(line)


def once(found, key, what):
    if key in found:
        raise weirtest.Failure("%s %s is there twice" % (what, key))
    found.add(key)


def check_output(output, course):
    """Each shop and each shown user of each block, once and right; only the last block may be in
    part. Returns how many rows there are."""
    shops, users = set(), set()
    for row in rows(os.path.join(output, "shops")):
        block = millis(row["start"]) // BLOCK_MS
        once(shops, (block, row["key"]), "shop")
        got = row["value"]["count"], row["value"]["sum"]
        if got != course.shop(row["key"], block):
            raise weirtest.Failure("shop %s has %s, not %s" % ((block, row["key"]), got,
                                                               course.shop(row["key"], block)))
    for row in rows(os.path.join(output, "users")):
        once(users, (row["user"] // course.users, row["user"]), "user")
        got = row["count"], row["sum"]
        if got != course.user(row["user"]):
            raise weirtest.Failure("user %d has %s, not %s" % (row["user"], got,
                                                               course.user(row["user"])))
    for found, each, what in ((shops, lambda b: SHOPS, "shops"),
                              (users, lambda b: shown_users(b, course), "users")):
        blocks = collections.Counter(block for block, _ in found)
        for block in range(max(blocks, default=0)):
            if blocks[block] != each(block):
                raise weirtest.Failure("block %d has %d %s, not %d" % (
                    block, blocks[block], what, each(block)))
    return len(shops) + len(users)


def shown_users(block, course):
    first, end = block * course.users, (block + 1) * course.users
    return len(range(-(-first // SHOWN_USERS) * SHOWN_USERS, end, SHOWN_USERS))


def millis(text):
    """Of a time as Weir writes it."""
    return round(datetime.datetime.fromisoformat(text).timestamp() * 1000)


# ---- the whole ----------------------------------------------------------------------------------


def run(seconds, course, judge_times, patience=1, every=10):
    """Runs the job for so long and judges it; a Failure says what grows or is wrong. Where the
    time is too short for the files of the state to reach their number, `patience` is above 1."""
    place = weirtest.Run("rate")
    log = os.path.join(place.folder, "measurements.jsonl")
    command = ["weir", "run", os.path.join(weirtest.BUILD, "jobs", "rate.so")]
    settings = {"output": place.output, "measurements": log, "users": course.users,
                "rounds": course.rounds}
    for key, value in settings.items():
        command += ["--set", "%s=%s" % (key, value)]
    command += ["--state", place.state, "--parallelism", str(SUBTASKS)]
    process = weirtest.start(command + ["--checkpoint-interval", "1s"])
    samples = watch(process, place.state, seconds, every)
    process.send_signal(signal.SIGTERM)
    if weirtest.end(process, "rate") != 0:
        raise weirtest.Failure("rate: it did not end by itself")

    series = {name: [sample[name] for sample in samples] for name in samples[0]}
    timed = measurements(log)
    written = check_output(place.output, course)
    print("%d s, %d checkpoints, %d rows of output, every one right"
          % (len(samples), len(timed["checkpoint"]), written))
    print("%-14s %10s %10s %10s %10s" % ("", "2nd sixth", "last sixth", "along line", "most"))
    lasting = [name for name in QUANTITIES if name not in TIMED]
    grown = [name for name in lasting if judge(name, series[name], patience)]
    for name in TIMED:
        if timed[name] and judge(name, timed[name], patience) and judge_times:
            grown.append(name)
    left = look_at_rest(place.state)
    if max(series["kept"]) > KEEP_CHECKPOINTS + 1 or left > KEEP_CHECKPOINTS:
        grown.append("checkpoints (%d at most, %d in the end)" % (max(series["kept"]), left))
    if grown:
        raise weirtest.Failure("rate: grows: " + ", ".join(grown))
    place.remove()


def look_at_rest(state):
    return len(weirtest.manifests(state))


def watch(process, state, seconds, every):
    """Looks once a second; says how it stands every `every` seconds."""
    samples = []
    begin = time.monotonic()
    while len(samples) < seconds:
        time.sleep(max(0, begin + len(samples) + 1 - time.monotonic()))
        sample = look(process.pid, state)
        if sample is None or process.poll() is not None:
            weirtest.end(process, "rate")
            raise weirtest.Failure("rate: the job has ended")
        samples.append(sample)
        if len(samples) % every == 0:
            print("%5d s  memory %d MB, %d handles, %d files of %d MB, %d checkpoints" % (
                len(samples), sample["memory"] // 1_000_000, sample["handles"], sample["files"],
                sample["bytes"] // 1_000_000, sample["kept"]), flush=True)
    return samples
