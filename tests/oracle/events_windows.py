"""Says what jobs over the git_activity and rees46 rows must answer: windows, sessions, dedupe,
joins, running aggregates, late rows. Clear rather than fast; one query a function.

Inputs are CSV with a header, each file one split. `--limit N` takes the first N rows of each file.
git_activity: time = event_time (seconds; arrival_time is ignored, rows arrive in file order), user,
event, value = subject_len. rees46: time = event_time (UTC), user = user_id, event = event_type,
value = 1. A row's text is its line in the file without the line end.

A row is late when its time lies before the newest time seen earlier in its file, less the allowance
(`--allowance` in seconds; default 0). Late rows count in no query but `late`. Queries whose answer
depends on arrival take rows in file order, files in the order given.
"""

import argparse
import bisect
import collections
import csv
import itertools
import sys

import common
from common import DAY, HOUR, MINUTE, SECOND, format_time

Event = collections.namedtuple("Event", "time user event value text columns")


def read(paths, allowance, limit=None):
    """Returns (on time, late): lists of Event in the order of arrival."""
    in_time, late = [], []
    for path in paths:
        lateness = common.Lateness(allowance)
        with common.open_text(path) as text:
            lines = iter([line.rstrip("\r\n") for line in text])
        header = next(csv.reader([next(lines)]))
        for line in itertools.islice(lines, limit):
            columns = dict(zip(header, next(csv.reader([line]))))
            if "arrival_time" in columns:
                event = Event(
                    int(columns["event_time"]) * SECOND,
                    columns["user"],
                    columns["event"],
                    int(columns["subject_len"]),
                    line,
                    columns,
                )
            else:
                event = Event(
                    common.parse_time(columns["event_time"].removesuffix(" UTC")),
                    columns["user_id"],
                    columns["event_type"],
                    1,
                    line,
                    columns,
                )
            (late if lateness.is_late(event.time) else in_time).append(event)
    return in_time, late


def times_by(events, key):
    """{key: sorted times}"""
    groups = collections.defaultdict(list)
    for event in events:
        groups[key(event)].append(event.time)
    return {k: sorted(times) for k, times in groups.items()}


def daily(events):
    """Tumbling windows of 1 d since 1970, [n d, (n + 1) d), per user: rows. No line if empty."""
    counts = collections.Counter((e.user, e.time // DAY * DAY) for e in events)
    for (user, start), n in counts.items():
        yield {
            "user": user,
            "start": format_time(start),
            "end": format_time(start + DAY),
            "count": n,
        }


def weekly(events):
    """Sliding windows of 7 d each 1 d, [n d, (n + 7) d), per event type: rows and sum of values."""
    counts, sums = collections.Counter(), collections.Counter()
    for e in events:
        newest_start = e.time // DAY * DAY
        for start in range(newest_start - 6 * DAY, newest_start + DAY, DAY):
            counts[e.event, start] += 1
            sums[e.event, start] += e.value
    for (kind, start), n in counts.items():
        yield {
            "event": kind,
            "start": format_time(start),
            "end": format_time(start + 7 * DAY),
            "count": n,
            "sum": sums[kind, start],
        }


def session_lines(events, gap, name, key):
    for k, times in times_by(events, key).items():
        first = last = times[0]
        count = 0
        for time in times + [None]:
            if time is None or time - last >= gap:
                yield {
                    name: k,
                    "start": format_time(first),
                    "end": format_time(last + gap),
                    "count": count,
                }
                first, count = time, 0
            last, count = time, count + 1


def sessions(events):
    """Sessions per user, gap 1 h. A row at t opens [t, t + 1 h); intervals of one user that overlap
    merge (rows exactly 1 h apart do not: they only touch). end = the newest row + 1 h."""
    return session_lines(events, HOUR, "user", lambda e: e.user)


def shop_sessions(events):
    """rees46: as `sessions`, per user_session and with a gap of 5 min."""
    return session_lines(events, 5 * MINUTE, "session", lambda e: e.columns["user_session"])


def deduped(events, key, ttl):
    """Takes rows in the order of arrival. A row at t is dropped when a row of the same key that was
    kept has a time s with |t - s| < ttl."""
    kept = collections.defaultdict(list)  # sorted times: only the neighbours of t can be near it
    for e in events:
        times = kept[key(e)]
        place = bisect.bisect_left(times, e.time)
        if all(abs(e.time - s) >= ttl for s in times[max(place - 1, 0) : place + 1]):
            times.insert(place, e.time)
            yield {"user": e.user, "event": e.event, "time": format_time(e.time)}


def dedupe_rows(events):
    """Drops exact repeats: key = text of the row, 24 h. One line a row that is kept."""
    return deduped(events, lambda e: e.text, DAY)


def dedupe_kinds(events):
    """Key = (user, event), 24 h: here the TTL decides. One line a row that is kept."""
    return deduped(events, lambda e: (e.user, e.event), DAY)


def two_streams(events):
    """{user: (sorted times of commits, sorted times of merges)}"""
    users = collections.defaultdict(lambda: ([], []))
    for e in sorted(events, key=lambda e: e.time):
        if e.event in ("commit", "merge"):
            users[e.user][e.event == "merge"].append(e.time)
    return users


def join_pairs(events):
    """Interval join per user: a line for each pair of a commit at a and a merge in (a, a + 1 h]."""
    for user, (commits, merges) in two_streams(events).items():
        for a in commits:
            for b in merges[bisect.bisect_right(merges, a) : bisect.bisect_right(merges, a + HOUR)]:
                yield {"user": user, "commit_at": format_time(a), "merge_at": format_time(b)}


def followed(events):
    """Per user: commits, and how many of them (at a) have a merge of that user in (a, a + 1 h]."""
    for user, (commits, merges) in two_streams(events).items():
        hits = sum(
            bisect.bisect_right(merges, a + HOUR) > bisect.bisect_right(merges, a) for a in commits
        )
        if commits:
            yield {"user": user, "commits": len(commits), "followed": hits}


def funnels(events):
    """rees46, per user and product: a line for each purchase row at p for which c = the newest cart
    row at or before p and v = the newest view row at or before c exist and p - v <= 30 min."""
    groups = collections.defaultdict(list)
    for e in events:
        groups[e.user, e.columns["product_id"]].append((e.time, e.event))
    for (user, product), rows in groups.items():
        for p in (time for time, kind in rows if kind == "purchase"):
            c = max((t for t, kind in rows if kind == "cart" and t <= p), default=None)
            if c is None:
                continue
            v = max((t for t, kind in rows if kind == "view" and t <= c), default=None)
            if v is not None and p - v <= 30 * MINUTE:
                yield {
                    "user": user,
                    "product": product,
                    "viewed_at": format_time(v),
                    "carted_at": format_time(c),
                    "purchased_at": format_time(p),
                }


def totals(events):
    """Per user over all rows: count, sum of the values, value of the row that arrived last."""
    users = {}
    for e in events:
        count, total, _ = users.get(e.user, (0, 0, None))
        users[e.user] = (count + 1, total + e.value, e.value)
    for user, (count, total, last) in users.items():
        yield {"user": user, "count": count, "sum": total, "last": last}


def late(events):
    """The late rows themselves."""
    for e in events:
        yield {"user": e.user, "event": e.event, "time": format_time(e.time)}


QUERIES = {
    query.__name__: query
    for query in (
        daily,
        weekly,
        sessions,
        shop_sessions,
        dedupe_rows,
        dedupe_kinds,
        join_pairs,
        followed,
        funnels,
        totals,
        late,
    )
}


def main():
    arguments = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join("%s: %s" % (name, query.__doc__) for name, query in QUERIES.items()),
    )
    arguments.add_argument("inputs", nargs="+")
    arguments.add_argument("--query", required=True, choices=QUERIES)
    arguments.add_argument("--allowance", type=int, default=0, metavar="SECONDS")
    arguments.add_argument("--limit", type=int, metavar="ROWS")
    arguments.add_argument(
        "--compare", metavar="DIR", help="compare DIR/part-*; exit 1 if different"
    )
    options = arguments.parse_args()
    in_time, too_late = read(options.inputs, options.allowance * SECOND, options.limit)
    print("in_time=%d late=%d" % (len(in_time), len(too_late)), file=sys.stderr)
    expected = list(QUERIES[options.query](too_late if options.query == "late" else in_time))
    if options.compare:
        actual = common.read_parts(options.compare)
        found = common.differences(options.query, expected, actual)
        return common.report(found, "%s: %d lines" % (options.query, len(actual)))
    common.print_lines(expected)
    return 0


if __name__ == "__main__":
    sys.exit(main())
