"""The jobs that the whole-job tests run, with their inputs, made in the working directory."""

import os

import weirtest

RETAIL = os.path.join(
    weirtest.SOURCE, "examples/shop_cohorts/data/online_retail_2010-12_2011-02.csv.zst"
)
ACTIVITY = ("daily", "weekly", "sessions", "join_pairs", "followed", "late")
# What depends on the order of arrival has one answer only for one file.
ACTIVITY_OF_ONE_FILE = ACTIVITY + ("dedupe_rows", "dedupe_kinds", "totals")
CLICKS = ("shop_sessions", "daily", "funnels", "late")
CLICKS_OF_ONE_FILE = CLICKS + ("dedupe_kinds",)


def shop_cohorts():
    checks = [["shop_cohorts.py", "--compare", "{output}"]]
    return weirtest.Case("shop_cohorts", [RETAIL], checks)


def shop_cohorts_of_files(pieces=4):
    """The same rows, dealt out to several files and read by a pattern."""
    whole = weirtest.unpack(RETAIL, "retail.csv")
    paths = weirtest.cut(whole, "retail", pieces)
    checks = [["shop_cohorts.py", "--compare", "{output}"]]
    return weirtest.Case("shop_cohorts", paths, checks, input="retail/piece-*.csv")


def cart_abandonment(events=60_000, seed=3):
    path = weirtest.generate_shop_events("shop.jsonl", users=500, events=events, seed=seed)
    return weirtest.Case(
        "cart_abandonment", [path], [["cart_abandonment.py", "--compare", "{output}"]]
    )


def cart_abandonment_of_files(pieces=3):
    """Several shops, each with events and users of its own."""
    os.makedirs("shops", exist_ok=True)
    paths = [
        weirtest.generate_shop_events("shops/%d.jsonl" % seed, users=200, events=15_000, seed=seed)
        for seed in range(1, pieces + 1)
    ]
    checks = [["cart_abandonment.py", "--compare", "{output}"]]
    return weirtest.Case("cart_abandonment", paths, checks, input="shops/*.jsonl")


def word_count():
    paths = [os.path.join(weirtest.SOURCE, "README.md")]
    checks = [["word_count.py", "--compare", "{output}"]]
    return weirtest.Case("word_count", paths, checks)


def events_case(library, queries, paths, allowance, input=None):
    checks = []
    for query in queries:
        folder = os.path.join("{output}", query)
        options = ["--allowance", str(allowance), "--query", query, "--compare", folder]
        checks.append(["events_windows.py", *options])
    return weirtest.Case(library, paths, checks, {"allowance": "%ds" % allowance}, input)


def activity(rows=40_000, allowance=3600):
    whole = weirtest.unpack(weirtest.data_file("git_activity.csv.zst"), "activity.csv", rows)
    return events_case("activity", ACTIVITY_OF_ONE_FILE, [whole], allowance)


def activity_of_files(rows=40_000, allowance=0, pieces=3):
    whole = weirtest.unpack(weirtest.data_file("git_activity.csv.zst"), "activity.csv", rows)
    paths = weirtest.cut(whole, "activity", pieces)
    return events_case("activity", ACTIVITY, paths, allowance, "activity/piece-*.csv")


def clicks(allowance=0):
    whole = weirtest.unpack(
        weirtest.data_file("rees46_2019-10-01_prefix.csv.zst"), "clicks.csv"
    )
    return events_case("clicks", CLICKS_OF_ONE_FILE, [whole], allowance)


def clicks_of_files(pieces=3):
    whole = weirtest.unpack(
        weirtest.data_file("rees46_2019-10-01_prefix.csv.zst"), "clicks.csv"
    )
    paths = weirtest.cut(whole, "clicks", pieces)
    return events_case("clicks", CLICKS, paths, 0, "clicks/piece-*.csv")
