"""Says what the Nexmark queries of bench/nexmark must answer about the events that
`nexmark_bench --dump DIR` wrote. Clear rather than fast; one query a function.

`nexmark.py DIR...` holds each folder q* of the DIRs against events.jsonl of the first and exits
with 1 where one differs; `--query q5` prints the lines that q5 must answer. Events are judged by
their times alone, so the order of arrival does not matter: none is later than the queries allow.

Some queries answer by upserts: as long as bids come, they say again what has changed. Of such
answers the last one for each key counts, which is the one that has seen most (see `UPSERTS`). Q12
counts by wall time, so only its sums are held against the events.
"""

import argparse
import collections
import functools
import json
import os
import re
import sys

import common
from common import DAY, HOUR, MINUTE, SECOND, format_time

Events = collections.namedtuple("Events", "people auctions bids")

millis = functools.lru_cache(maxsize=1 << 20)(common.parse_time)


def read(path):
    """Returns the events as dicts, with their times in milliseconds as `ms` beside."""
    events = Events([], [], [])
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            [(kind, event)] = json.loads(line).items()
            event["ms"] = millis(event["at"])
            {"person": events.people, "auction": events.auctions, "bid": events.bids}[kind].append(
                event
            )
    return events


def shown(event):
    return {key: value for key, value in event.items() if key != "ms"}


def cut(event, *keys):
    return {key: event[key] for key in keys}


def grouped(rows, key):
    groups = collections.defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def best_first(bid):
    """Sorts the bids on an auction: the highest price, then the earliest; the rest breaks ties."""
    return (-bid["price"], bid["ms"], bid["bidder"], bid["extra"])


PLAIN = ("auction", "bidder", "price", "at", "extra")


def q0(events):
    return [cut(b, *PLAIN) for b in events.bids]


def q1(events):
    return [dict(cut(b, *PLAIN), price=b["price"] * 908) for b in events.bids]


def q2(events):
    return [cut(b, "auction", "price") for b in events.bids if b["auction"] % 123 == 0]


def q3(events):
    sellers = {p["id"]: p for p in events.people if p["state"] in ("OR", "ID", "CA")}
    return [
        dict(cut(sellers[a["seller"]], "name", "city", "state"), auction=a["id"])
        for a in events.auctions
        if a["category"] == 10 and a["seller"] in sellers
    ]


def winners(events):
    """(auction, its best bid) of all auctions with a bid while they ran."""
    bids = grouped(events.bids, lambda b: b["auction"])
    for auction in events.auctions:
        first, last = auction["ms"], millis(auction["expires"])
        running = [b for b in bids[auction["id"]] if first <= b["ms"] <= last]
        if running:
            yield auction, min(running, key=best_first)


def q4(events):
    prices = collections.defaultdict(list)
    for auction, bid in winners(events):
        prices[auction["category"]].append(bid["price"])
    return [
        {"category": category, "auctions": len(made), "average": sum(made) // len(made)}
        for category, made in prices.items()
    ]


def q5(events):
    counts = collections.defaultdict(collections.Counter)
    for bid in events.bids:
        last = bid["ms"] // (2 * SECOND) * (2 * SECOND)
        for start in range(last - 8 * SECOND, last + 1, 2 * SECOND):
            counts[start][bid["auction"]] += 1
    return [
        {"start": format_time(start), "auction": auction, "bids": count}
        for start, window in counts.items()
        for most in [max(window.values())]
        for auction, count in window.items()
        if count == most
    ]


def q7(events):
    rows = []
    for window in grouped(events.bids, lambda b: b["ms"] // (10 * SECOND)).values():
        highest = max(b["price"] for b in window)
        rows += [
            cut(b, "at", "auction", "bidder", "price", "extra")
            for b in window
            if b["price"] == highest
        ]
    return rows


def q8(events):
    sold = {(a["seller"], a["ms"] // (10 * SECOND)) for a in events.auctions}
    return [
        {"id": p["id"], "name": p["name"], "start": format_time(window * 10 * SECOND)}
        for p in events.people
        for window in [p["ms"] // (10 * SECOND)]
        if (p["id"], window) in sold
    ]


def q9(events):
    return [{"auction": shown(auction), "bid": shown(bid)} for auction, bid in winners(events)]


def q10(events):
    return [
        dict(cut(b, *PLAIN), day=b["ms"] // DAY, minute=b["ms"] % DAY // MINUTE)
        for b in events.bids
    ]


def q11(events):
    rows = []
    for bidder, bids in grouped(events.bids, lambda b: b["bidder"]).items():
        times = sorted(b["ms"] for b in bids)
        starts = [i for i in range(len(times)) if i == 0 or times[i] - times[i - 1] >= 10 * SECOND]
        for first, behind in zip(starts, starts[1:] + [len(times)]):
            rows.append(
                {
                    "bidder": bidder,
                    "bids": behind - first,
                    "start": format_time(times[first]),
                    "end": format_time(times[behind - 1] + 10 * SECOND),
                }
            )
    return rows


def q12(events):
    counts = collections.Counter(b["bidder"] for b in events.bids)
    return [{"bidder": bidder, "bids": count} for bidder, count in counts.items()]


def q13(events):
    return [
        dict(cut(b, "auction", "bidder", "price", "at"), value=str(b["auction"] % 10000))
        for b in events.bids
    ]


def time_of_day(hour):
    return "day" if 8 <= hour <= 18 else "night" if hour <= 6 or hour >= 20 else "other"


def q14(events):
    return [
        {
            "auction": b["auction"],
            "bidder": b["bidder"],
            "price": b["price"] * 908,
            "time": time_of_day(b["ms"] % DAY // HOUR),
            "at": b["at"],
            "extra": b["extra"],
            "letters_c": b["extra"].count("c"),
        }
        for b in events.bids
        if 1_000_000_000 < b["price"] * 908 < 50_000_000_000
    ]


def ranked(items, price):
    """How many different items there are, in all and by rank of price."""

    def different(lowest, behind):
        return len({item for item, b in items if lowest <= price(b) < behind})

    return {
        "total": different(0, float("inf")),
        "rank1": different(0, 10_000),
        "rank2": different(10_000, 1_000_000),
        "rank3": different(1_000_000, float("inf")),
    }


def counts_of(bids, what):
    return ranked([(what(b), b) for b in bids], lambda b: b["price"])


def statistics(bids):
    return {
        "bids": counts_of(bids, id),
        "bidders": counts_of(bids, lambda b: b["bidder"]),
        "auctions": counts_of(bids, lambda b: b["auction"]),
    }


def q15(events):
    return [
        {"key": day, "value": dict(statistics(bids), last_minute=0)}
        for day, bids in grouped(events.bids, lambda b: b["ms"] // DAY).items()
    ]


def q16(events):
    groups = grouped(events.bids, lambda b: (b["channel"], b["ms"] // DAY))
    return [
        {
            "key": {"channel": channel, "day": day},
            "value": dict(
                statistics(bids), last_minute=max(b["ms"] % DAY // MINUTE for b in bids)
            ),
        }
        for (channel, day), bids in groups.items()
    ]


def q17(events):
    rows = []
    for (auction, day), bids in grouped(
        events.bids, lambda b: (b["auction"], b["ms"] // DAY)
    ).items():
        prices = [b["price"] for b in bids]
        rows.append(
            {
                "auction": auction,
                "day": day,
                "bids": counts_of(bids, id),
                "lowest": min(prices),
                "highest": max(prices),
                "average": sum(prices) // len(prices),
                "sum": sum(prices),
            }
        )
    return rows


def latest(bid):
    return (millis(bid["at"]), bid["price"], bid["extra"])


def q18(events):
    groups = grouped(events.bids, lambda b: (b["bidder"], b["auction"]))
    return [shown(max(bids, key=latest)) for bids in groups.values()]


def q19(events):
    return [
        {"rank": i + 1, "bid": shown(bid)}
        for bids in grouped(events.bids, lambda b: b["auction"]).values()
        for i, bid in enumerate(sorted(bids, key=best_first)[:10])
    ]


def q20(events):
    wanted = {a["id"]: shown(a) for a in events.auctions if a["category"] == 10}
    return [
        {"bid": shown(b), "auction": wanted[b["auction"]]}
        for b in events.bids
        if b["auction"] in wanted
    ]


def q21(events):
    rows = []
    for bid in events.bids:
        known = {"apple": "0", "google": "1", "facebook": "2", "baidu": "3"}
        channel_id = known.get(bid["channel"].lower())
        in_url = re.search("(&|^)channel_id=([^&]*)", bid["url"])
        if channel_id or in_url:
            row = cut(bid, "auction", "bidder", "price", "channel")
            rows.append(dict(row, channel_id=channel_id or in_url[2]))
    return rows


def q22(events):
    rows = []
    for bid in events.bids:
        parts = bid["url"].split("/")
        row = cut(bid, "auction", "bidder", "price", "channel")
        rows.append(dict(row, first=parts[3], second=parts[4], third=parts[5]))
    return rows


QUERIES = {
    name: function for name, function in globals().items() if re.fullmatch(r"q\d+", name)
}


def seen(statistics):
    """How much a row of statistics has counted: every count only grows."""
    counts = [sum(v.values()) for v in statistics["value"].values() if isinstance(v, dict)]
    return (sum(counts), statistics["value"]["last_minute"])


def better(bid):
    """The later row of a place on a list of top bids has the better bid."""
    return [-x for x in best_first(dict(bid, ms=millis(bid["at"])))[:3]]


# What the key of an upsert is, and how much it has seen.
UPSERTS = {
    "q4": (lambda r: r["category"], lambda r: r["auctions"]),
    "q15": (lambda r: r["key"], seen),
    "q16": (lambda r: (r["key"]["channel"], r["key"]["day"]), seen),
    "q17": (lambda r: (r["auction"], r["day"]), lambda r: r["bids"]["total"]),
    "q18": (lambda r: (r["bidder"], r["auction"]), latest),
    "q19": (lambda r: (r["bid"]["auction"], r["rank"]), lambda r: better(r["bid"])),
}


def answers(folder, query):
    """What a query answered, as its function above says it."""
    rows = [typed(row) for row in common.read_parts(folder)]
    if query in UPSERTS:
        key, progress = UPSERTS[query]
        return [max(said, key=progress) for said in grouped(rows, key).values()]
    if query == "q12":
        for row in rows:
            start, end = millis(row["start"]), millis(row["end"])
            if start % (10 * SECOND) or end != start + 10 * SECOND:
                raise ValueError("q12: no window of 10 seconds: %r" % row)
        counts = collections.Counter()
        for row in rows:
            counts[row["bidder"]] += row["bids"]
        return [{"bidder": bidder, "bids": count} for bidder, count in counts.items()]
    return rows


def typed(row):
    """Q10 answers in CSV, where numbers are text."""
    numbers = ("auction", "bidder", "price", "day", "minute")
    return {
        key: int(value) if key in numbers and isinstance(value, str) else value
        for key, value in row.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folders", nargs="+", help="what `nexmark_bench --dump` wrote")
    parser.add_argument("--query", choices=QUERIES, help="print what this one must answer")
    arguments = parser.parse_args()
    events = read(os.path.join(arguments.folders[0], "events.jsonl"))
    if arguments.query:
        common.print_lines(QUERIES[arguments.query](events))
        return 0
    found, compared = [], 0
    for query, function in QUERIES.items():
        paths = [os.path.join(folder, query) for folder in arguments.folders]
        paths = [path for path in paths if os.path.isdir(path)]
        expected = function(events) if paths else []
        for path in paths:
            compared += 1
            found += common.differences(path, expected, answers(path, query))
    if not compared:
        found.append("There are no answers in %s" % ", ".join(arguments.folders))
    return common.report(found, "%d answers" % compared)


if __name__ == "__main__":
    sys.exit(main())
