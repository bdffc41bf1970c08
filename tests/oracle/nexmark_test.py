"""Checks nexmark.py on small cases; the answers are written by hand from the definition."""

import unittest

import common
import nexmark


def person(second, number, state="OR"):
    return {"ms": 1000 * second, "id": number, "name": "n%d" % number, "city": "c", "state": state}


def auction(second, number, seller=1, category=10, until=100):
    expires = common.format_time(1000 * until)
    row = {"ms": 1000 * second, "id": number, "seller": seller, "category": category}
    return dict(row, expires=expires, at=common.format_time(1000 * second))


def bid(second, on, bidder=1, price=1000, extra="", channel="Apple", url="a/b/c/d/e/f/g"):
    at = common.format_time(round(1000 * second))
    row = {"ms": round(1000 * second), "at": at, "auction": on, "bidder": bidder, "price": price}
    return dict(row, extra=extra, channel=channel, url=url)


class Nexmark(unittest.TestCase):
    def run_query(self, query, people=(), auctions=(), bids=(), columns=()):
        events = nexmark.Events(list(people), list(auctions), list(bids))
        rows = query(events)
        return sorted(tuple(row[c] for c in columns) if columns else row for row in rows)

    def test_joins_of_sellers(self):
        people = [person(0, 1), person(11, 2, "AZ"), person(12, 3, "CA")]
        auctions = [auction(9, 7), auction(5, 8, 2), auction(12, 9, 3, 11), auction(30, 10, 3)]
        self.assertEqual(
            self.run_query(nexmark.q3, people, auctions, columns=("name", "auction")),
            [("n1", 7), ("n3", 10)],
        )
        self.assertEqual(
            self.run_query(nexmark.q8, people, auctions, columns=("id", "start")),
            [(1, "1970-01-01T00:00:00Z"), (3, "1970-01-01T00:00:10Z")],
        )

    def test_winning_bids(self):
        auctions = [auction(10, 7, until=20), auction(10, 8, category=11, until=20)]
        bids = [bid(9.999, 7, 1, 900), bid(10, 7, 2, 500), bid(20, 7, 3, 500), bid(21, 7, 4, 900)]
        self.assertEqual(
            [(r["auction"]["id"], r["bid"]["bidder"]) for r in
             nexmark.q9(nexmark.Events([], auctions, bids))],
            [(7, 2)],
        )
        bids += [bid(15, 8, 1, 3)]
        auctions += [auction(10, 9, category=11, until=20)]
        bids += [bid(15, 9, 1, 6)]
        self.assertEqual(
            self.run_query(nexmark.q4, (), auctions, bids, ("category", "auctions", "average")),
            [(10, 1, 500), (11, 2, 4)],
        )

    def test_hottest_auctions(self):
        bids = [bid(9, 1), bid(9, 1), bid(10, 2), bid(11, 2)]
        starts = {}
        for row in nexmark.q5(nexmark.Events([], [], bids)):
            starts.setdefault(row["start"][17:19], []).append((row["auction"], row["bids"]))
        self.assertEqual(
            starts,
            {
                "00": [(1, 2)],
                "02": [(1, 2), (2, 2)],
                "04": [(1, 2), (2, 2)],
                "06": [(1, 2), (2, 2)],
                "08": [(1, 2), (2, 2)],
                "10": [(2, 2)],
            },
        )

    def test_highest_bids(self):
        bids = [bid(0, 1, price=5), bid(9, 2, price=5), bid(3, 3, price=4), bid(10, 4, price=1)]
        self.assertEqual(
            self.run_query(nexmark.q7, bids=bids, columns=("auction",)), [(1,), (2,), (4,)]
        )

    def test_sessions(self):
        bids = [bid(0, 1), bid(9.999, 1), bid(19.999, 1), bid(5, 1, bidder=2)]
        self.assertEqual(
            self.run_query(nexmark.q11, bids=bids, columns=("bidder", "bids", "end")),
            [
                (1, 1, "1970-01-01T00:00:29.999Z"),
                (1, 2, "1970-01-01T00:00:19.999Z"),
                (2, 1, "1970-01-01T00:00:15Z"),
            ],
        )

    def test_statistics(self):
        bids = [
            bid(0, 1, 1, 9_999),
            bid(1, 1, 1, 10_000),
            bid(60, 2, 1, 999_999),
            bid(86_400, 2, 2, 1_000_000),
        ]
        rows = nexmark.q15(nexmark.Events([], [], bids))
        self.assertEqual([row["key"] for row in rows], [0, 1])
        value = rows[0]["value"]
        self.assertEqual(list(value["bids"].values()), [3, 1, 2, 0])
        self.assertEqual(list(value["bidders"].values()), [1, 1, 1, 0])
        self.assertEqual(list(value["auctions"].values()), [2, 1, 2, 0])
        self.assertEqual(nexmark.q16(nexmark.Events([], [], bids))[0]["value"]["last_minute"], 1)
        self.assertEqual(
            self.run_query(
                nexmark.q17, bids=bids, columns=("auction", "day", "lowest", "average", "sum")
            ),
            [
                (1, 0, 9_999, 9_999, 19_999),
                (2, 0, 999_999, 999_999, 999_999),
                (2, 1, 1_000_000, 1_000_000, 1_000_000),
            ],
        )

    def test_rankings(self):
        bids = [bid(i, 1, price=100 + i % 3, extra=str(i)) for i in range(12)]
        events = nexmark.Events([], [], bids)
        self.assertEqual([row["extra"] for row in nexmark.q18(events)], ["11"])
        self.assertEqual(
            [int(row["bid"]["extra"]) for row in nexmark.q19(events)],
            [2, 5, 8, 11, 1, 4, 7, 10, 0, 3],
        )

    def test_texts(self):
        bids = [
            bid(0, 1, channel="bAIDU"),
            bid(0, 2, channel="x", url="http://h/a/b/c/i?q=1&channel_id=12&z=3"),
            bid(0, 3, channel="x", url="http://h/a/b/c/i?channel_id=12"),
        ]
        self.assertEqual(
            self.run_query(nexmark.q21, bids=bids, columns=("auction", "channel_id")),
            [(1, "3"), (2, "12")],
        )
        self.assertEqual(
            self.run_query(nexmark.q22, bids=bids[1:2], columns=("first", "second", "third")),
            [("a", "b", "c")],
        )


if __name__ == "__main__":
    unittest.main()
