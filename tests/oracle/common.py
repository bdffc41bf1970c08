"""What the plain programs here share: reading inputs, times, and comparing a job's output.

Only the Python standard library (and the `zstd` command for .zst files). Nothing here knows Weir.
"""

import collections
import csv
import datetime
import glob
import gzip
import io
import json
import os
import re
import subprocess
import sys

SECOND = 1000  # all times are integers: milliseconds of UTC since 1970
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime.datetime(1970, 1, 1)
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?"
    r"(?:|Z|([+-])(\d\d)(?::?(\d\d))?)",
    re.ASCII,
)


def parse_time(text):
    """Reads ISO 8601: `YYYY-MM-DD`, `T` or a space, `HH:MM[:SS[.fraction]]`, then nothing (UTC),
    `Z` or an offset. Digits beyond the millisecond are cut. Raises ValueError for anything else."""
    match = _TIME.fullmatch(text)
    if not match:
        raise ValueError("not a time: %r" % text)
    year, month, day, hour, minute, second, fraction, sign, off_hours, off_minutes = match.groups()
    moment = datetime.datetime(*(int(x or 0) for x in (year, month, day, hour, minute, second)))
    if int(off_hours or 0) > 23 or int(off_minutes or 0) > 59:
        raise ValueError("not an offset: %r" % text)
    millis = (moment - _EPOCH) // datetime.timedelta(milliseconds=1)
    millis += int(((fraction or "") + "000")[:3])
    offset = int(off_hours or 0) * HOUR + int(off_minutes or 0) * MINUTE
    return millis + offset if sign == "-" else millis - offset


def format_time(millis, always_millis=False):
    """`2010-12-01T08:26:00Z`; with `.mmm` when the milliseconds are not zero or `always_millis`."""
    text = (_EPOCH + datetime.timedelta(milliseconds=millis)).strftime("%Y-%m-%dT%H:%M:%S")
    return text + (".%03dZ" % (millis % 1000) if always_millis or millis % 1000 else "Z")


class Lateness:
    """Judges one split (one file), record by record: a record is late when its time lies before the
    newest time seen earlier in its split, less the allowance."""

    def __init__(self, allowance):
        self.allowance = allowance
        self.newest = None

    def is_late(self, time):
        late = self.newest is not None and time < self.newest - self.allowance
        self.newest = time if self.newest is None else max(self.newest, time)
        return late


def open_binary(path):
    """Opens a plain, .gz or .zst file for reading bytes."""
    if path.endswith(".gz"):
        return gzip.open(path, "rb")
    if path.endswith(".zst"):
        unpacked = subprocess.run(["zstd", "-dcq", path], stdout=subprocess.PIPE, check=True).stdout
        return io.BytesIO(unpacked)
    return open(path, "rb")


def open_text(path):
    """As open_binary, as text; bytes that are no UTF-8 survive, and so do the ends of lines."""
    return io.TextIOWrapper(
        open_binary(path), encoding="utf-8", errors="surrogateescape", newline=""
    )


def read_parts(folder):
    """All rows of folder/part-*.jsonl and .csv (each CSV part begins with its header), as dicts."""
    rows = []
    for path in sorted(glob.glob(os.path.join(folder, "part-*"))):
        with open(path, encoding="utf-8", newline="") as part:
            rows += csv.DictReader(part) if path.endswith(".csv") else map(json.loads, part)
    return rows


def canonical(row):
    return json.dumps(row, sort_keys=True, separators=(",", ":"))


def print_lines(rows):
    """JSON lines in the canonical order, which is that of their text."""
    sys.stdout.writelines(line + "\n" for line in sorted(map(canonical, rows)))


def differences(what, expected, actual, limit=10):
    """Compares two lists of JSON values as multisets; returns sentences, at most `limit` a kind."""
    want = collections.Counter(map(canonical, expected))
    got = collections.Counter(map(canonical, actual))
    found = []
    for word, lines in (("missing", want - got), ("unexpected", got - want)):
        if lines:
            found.append("%s: %d %s" % (what, sum(lines.values()), word))
            found += [
                "  %s (%d x): %s" % (word, lines[line], line) for line in sorted(lines)[:limit]
            ]
    return found


def project(rows, keys):
    """Cuts every row down to `keys`, as text: formats may differ in what else they carry."""
    return [[str(row[key]) for key in keys] for row in rows]


def report(found, summary):
    """Ends a comparison: prints what was found, returns the exit status."""
    print("\n".join(found + ["DIFFERENT"] if found else [summary, "equal"]))
    return 1 if found else 0
