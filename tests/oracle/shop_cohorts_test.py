"""Checks shop_cohorts.py on small cases; the answers are written by hand from the definition."""

import json
import os
import unittest

import shop_cohorts
from temp_files import TempFiles

HEADER = "invoice,stock_code,quantity,invoice_time,unit_price,customer_id,country\n"


class ShopCohorts(TempFiles):
    def changes(self, cohort, *rows):
        """Runs rows of customer 7, (invoice, 'day time', amount), each with quantity +-1."""
        text = "".join(
            "%s,S,%d,2011-%s:00,%s,7,UK\n" % (i, -1 if a < 0 else 1, t, abs(a)) for i, t, a in rows
        )
        customers, _, _, malformed = shop_cohorts.read([self.file("in.csv", HEADER + text)])
        self.assertEqual(malformed, [])
        return [
            (line["change"], line["at"])
            for line in shop_cohorts.changes(customers)
            if line["cohort"] == cohort
        ]

    def test_big_spender_leaves_after_exactly_seven_days(self):
        self.assertEqual(
            self.changes("big_spenders", ("1", "01-01 10:00", 600), ("2", "01-03 10:00", 400.01)),
            [("entered", "2011-01-03T10:00:00Z"), ("left", "2011-01-08T10:00:00Z")],
        )

    def test_exactly_1000_is_not_big_and_rows_seven_days_apart_never_meet(self):
        self.assertEqual(self.changes("big_spenders", ("1", "01-01 10:00", 1000)), [])
        self.assertEqual(
            self.changes("big_spenders", ("1", "01-01 10:00", 999), ("2", "01-08 10:00", 999)), []
        )

    def test_one_instant_gives_the_net_effect(self):
        self.assertEqual(
            self.changes("big_spenders", ("1", "01-01 10:00", 2000), ("C2", "01-01 10:00", -2000)),
            [],
        )
        # One row leaves the interval at the instant at which the other enters: always a member.
        self.assertEqual(
            self.changes("big_spenders", ("1", "01-01 10:00", 2000), ("2", "01-08 10:00", 2000)),
            [("entered", "2011-01-01T10:00:00Z"), ("left", "2011-01-15T10:00:00Z")],
        )

    def test_a_cancellation_that_leaves_the_interval_lets_its_customer_enter(self):
        self.assertEqual(
            self.changes("big_spenders", ("C1", "01-01 10:00", -500), ("2", "01-05 10:00", 1200)),
            [("entered", "2011-01-08T10:00:00Z"), ("left", "2011-01-12T10:00:00Z")],
        )

    def test_sums_are_exact(self):
        tenths = [(str(i), "01-01 10:00", 0.1) for i in range(10000)]
        self.assertEqual(self.changes("big_spenders", *tenths), [])

    def test_repeat_buyers_count_invoices_by_their_earliest_row(self):
        self.assertEqual(
            self.changes(
                "repeat_buyers",
                ("1", "01-01 10:00", 1),
                ("1", "01-02 10:00", 1),
                ("C9", "01-02 11:00", -1),
                ("2", "01-03 10:00", 1),
            ),
            [("entered", "2011-01-03T10:00:00Z"), ("left", "2011-01-08T10:00:00Z")],
        )
        # Invoice 1 goes on, but its earliest row has left the interval when invoice 2 comes.
        self.assertEqual(
            self.changes(
                "repeat_buyers",
                ("1", "01-01 10:00", 1),
                ("1", "01-07 10:00", 1),
                ("2", "01-08 10:00", 1),
            ),
            [],
        )

    def test_returners(self):
        self.assertEqual(
            self.changes(
                "returners",
                ("C1", "01-01 10:00", -1),
                ("2", "01-01 10:00", 1),
                ("C3", "01-15 10:00", -1),
                ("C4", "01-16 10:00", -1),
            ),
            [("entered", "2011-01-15T10:00:00Z")],
        )
        self.assertEqual(
            self.changes("returners", ("2", "01-01 10:00", 1), ("C3", "01-15 10:01", -1)), []
        )

    def test_lapsed(self):
        self.assertEqual(  # exactly 30 days later is still in time
            self.changes("lapsed", ("1", "01-01 10:00", 1), ("2", "01-31 10:00", 1)),
            [("entered", "2011-03-02T10:00:00Z")],
        )
        self.assertEqual(  # a cancellation is no purchase
            self.changes(
                "lapsed",
                ("1", "01-01 10:00", 1),
                ("C1", "01-20 10:00", -1),
                ("2", "01-31 10:01", 1),
            ),
            [
                ("entered", "2011-01-31T10:00:00Z"),
                ("left", "2011-01-31T10:01:00Z"),
                ("entered", "2011-03-02T10:01:00Z"),
            ],
        )

    def test_every_row_is_exactly_one_kind(self):
        path = self.file(
            "in.csv",
            HEADER
            + (
                "1,S,1,2011-01-02 10:00:00,2.50,7,UK\n"
                '2,S,1,2011-01-02 10:00:00,2.50,,"Channel, Islands"\n'
                "3,S,1,2011-01-01 10:00:00,2.50,7,UK\n"  # late
                "4,S,1,2011-01-01 10:00:00,2.50,,UK\n"  # late, although anonymous
                ",S,1,2011-01-09 10:00:00,2.50,7,UK\n"  # no invoice; its time is not seen
                "5,S,one,2011-01-02 10:00:00,2.50,7,UK\n"
                "5,S,1.5,2011-01-02 10:00:00,2.50,7,UK\n"
                "5,S,1,yesterday,2.50,7,UK\n"
                "5,S,1,2011-01-02 10:00:00,1e3,7,UK\n"
                "5,S,1,2011-01-02 10:00:00,,,UK\n"  # malformed, although anonymous
                "5,S,1,2011-01-02 10:00:00,2.50,7\n"
                "5,S,1,2011-01-02 10:00:00,2.50,7,UK,\n"
                "\n"
                "C6,S,-1,2011-01-02 10:00:00,2.50,7,UK\n"
            ),
        )
        customers, anonymous, late, malformed = shop_cohorts.read([path])
        self.assertEqual([row.invoice for row in customers["7"]], ["1", "C6"])
        self.assertEqual([row["invoice"] for row in anonymous], ["2"])
        self.assertEqual([row["invoice"] for row in late], ["3", "4"])
        self.assertEqual(len(malformed), 8)

    def test_files_are_splits_of_their_own(self):
        early = self.file("a.csv", HEADER + "1,S,1,2011-01-01 10:00:00,600,7,UK\n")
        later = self.file("b.csv", HEADER + "2,S,1,2011-01-02 10:00:00,600,7,UK\n")
        expected = [
            {
                "customer": "7",
                "cohort": "big_spenders",
                "change": "entered",
                "at": "2011-01-02T10:00:00Z",
            }
        ]
        for files in ([early, later], [later, early]):
            customers, _, late, _ = shop_cohorts.read(files)
            self.assertEqual(late, [])
            self.assertEqual(list(shop_cohorts.changes(customers))[:1], expected)

    def test_compare(self):
        path = self.file(
            "in.csv",
            HEADER + "1,S,1,2011-01-01 10:00:00,2000,7,UK\n" "2,S,1,2011-01-01 10:00:00,1,,UK\n",
        )
        customers, anonymous, _, _ = shop_cohorts.read([path])
        lines = [json.dumps(line) + "\n" for line in shop_cohorts.changes(customers)]
        output = os.path.dirname(path)
        self.file("changes/part-0.jsonl", lines[0])
        self.file("changes/part-1.jsonl", "".join(lines[1:]))
        self.file("changes/.part-2.jsonl.staged", "rubbish")
        self.file("anonymous/part-0.csv", HEADER + "2,S,1,2011-01-01 10:00:00,1,,UK\n")
        self.assertEqual(shop_cohorts.compare(output, customers, anonymous), 0)
        self.file("changes/part-1.jsonl", "".join(lines[1:] + lines[1:2]))
        self.assertEqual(shop_cohorts.compare(output, customers, anonymous), 1)
        self.assertEqual(shop_cohorts.broken_alternation(map(json.loads, lines)), [])
        self.assertEqual(len(shop_cohorts.broken_alternation(map(json.loads, lines[1:2]))), 1)


if __name__ == "__main__":
    unittest.main()
