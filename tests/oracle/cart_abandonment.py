"""Says what the example job `cart_abandonment` must answer; clear rather than fast.

Input: Segment `track` events, one JSON object a line. Several files are several splits.

Every line goes through these, in this order:
  decode  a line is a dead letter unless it is a valid JSON object in which messageId, userId and
          event are non-empty strings and timestamp is a string that reads as a time
          (common.parse_time, cut to milliseconds). Empty lines are no lines.
  late    a record is late when its time lies before the newest time of a well-formed record earlier
          in its file, less 10 s (exactly 10 s behind is in time). It counts for nothing else.
  dedupe  per messageId, in the order of arrival: a record at time t is dropped when a record of
          that messageId that was kept has a time s with |t - s| < 24 h (exactly 24 h apart is
          kept). A late record neither drops nor is dropped. Files are taken in the order given; an
          answer that does not depend on it needs repeats with equal contents, or within one file.

What is kept is taken per user, in the order of event time. At one instant T, in this order:
  1. an `Order Completed` closes the open episode silently when T lies in (a, a + 30 min];
  2. an open episode with T = a + 30 min ends with an alert;
  3. a `Product Added` opens an episode at a = T when none is open and a `Product Viewed` lies in
     [T - 30 min, T]; views of the instant T itself count, wherever they stand in the input.
The end of input is the end of time: every episode still open ends with its alert.

  cart_abandonment.py INPUT...   prints the alert lines; the counts go to stderr
    --compare OUTPUT_DIR         compares a job's alerts and late instead; exit 1 if different
"""

import argparse
import collections
import json
import os
import sys

import common
from common import HOUR, MINUTE, SECOND

ALLOWANCE = 10 * SECOND
TTL = 24 * HOUR
WITHIN = 30 * MINUTE


def not_json(word):
    raise ValueError("%s is not JSON" % word)


def decode(line):
    """Returns (time, record); raises ValueError for a dead letter."""
    record = json.loads(line.decode("utf-8"), parse_constant=not_json)
    if not isinstance(record, dict):
        raise ValueError("not an object")
    for name in ("messageId", "userId", "event", "timestamp"):
        if not isinstance(record.get(name), str) or not record[name]:
            raise ValueError("%s is missing or no string" % name)
    return common.parse_time(record["timestamp"]), record


def read(paths):
    """Returns ({user: {time: [event names]}}, late records, dead letters, number of repeats)."""
    users = collections.defaultdict(lambda: collections.defaultdict(list))
    kept, late, dead, repeats = collections.defaultdict(list), [], [], 0
    for path in paths:
        lateness = common.Lateness(ALLOWANCE)
        with common.open_binary(path) as lines:
            for line in filter(None, (line.rstrip(b"\r\n") for line in lines)):
                try:
                    time, record = decode(line)
                except ValueError as error:
                    dead.append((line, str(error)))
                    continue
                times = kept[record["messageId"]]
                if lateness.is_late(time):
                    late.append(record)
                elif any(abs(time - earlier) < TTL for earlier in times):
                    repeats += 1
                else:
                    times.append(time)
                    users[record["userId"]][time].append(record["event"])
    return users, late, dead, repeats


def alerts_of(instants):
    """The (added_at, at) of one user's alerts, from {time: [event names]}."""
    open_at = viewed_at = None
    for now in sorted(instants):
        events = instants[now]
        if open_at is not None and now > open_at + WITHIN:  # fell due between two instants
            yield open_at, open_at + WITHIN
            open_at = None
        if "Order Completed" in events:
            open_at = None  # an open episode began before now: one opened now comes after orders
        if open_at is not None and now == open_at + WITHIN:
            yield open_at, now
            open_at = None
        if "Product Viewed" in events:
            viewed_at = now
        if "Product Added" in events and open_at is None:
            if viewed_at is not None and viewed_at >= now - WITHIN:
                open_at = now
    if open_at is not None:
        yield open_at, open_at + WITHIN


def alerts(users):
    for user, instants in users.items():
        for added_at, at in alerts_of(instants):
            yield {
                "user": user,
                "event": "HighIntentCartAbandonment",
                "added_at": common.format_time(added_at, always_millis=True),
                "at": common.format_time(at, always_millis=True),
            }


def compare(output, users, late):
    actual = common.read_parts(os.path.join(output, "alerts"))
    found = common.differences("alerts", list(alerts(users)), actual)
    too_late = common.read_parts(os.path.join(output, "late"))
    found += common.differences(
        "late", common.project(late, ["messageId"]), common.project(too_late, ["messageId"])
    )
    return common.report(found, "%d alerts, %d late" % (len(actual), len(too_late)))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("inputs", nargs="+")
    arguments.add_argument("--compare", metavar="OUTPUT_DIR")
    options = arguments.parse_args()
    users, late, dead, repeats = read(options.inputs)
    print(
        "users=%d late=%d repeats=%d dead=%d" % (len(users), len(late), repeats, len(dead)),
        file=sys.stderr,
    )
    if options.compare:
        return compare(options.compare, users, late)
    common.print_lines(alerts(users))
    return 0


if __name__ == "__main__":
    sys.exit(main())
