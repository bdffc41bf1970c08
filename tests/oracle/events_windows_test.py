"""Checks events_windows.py on small cases; the answers are written by hand from the definition."""

import unittest

import common
import events_windows
from temp_files import TempFiles


class EventsWindows(TempFiles):
    def run_query(self, query, *rows, allowance=0):
        """Runs git rows (seconds, user, event, value), returns the lines' values, sorted."""
        text = "arrival_time,event_time,user,event,subject_len\n"
        text += "".join("0,%d,%s,%s,%d\n" % row for row in rows)
        in_time, late = events_windows.read([self.file("in.csv", text)], allowance * common.SECOND)
        lines = query(late if query is events_windows.late else in_time)
        return sorted(tuple(line.values()) for line in lines)

    def test_daily_and_late(self):
        rows = [
            (86399, "u", "a", 1),
            (86400, "u", "a", 1),
            (86410, "u", "a", 1),
            (86399, "u", "a", 1),
        ]
        first = ("u", "1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z")
        second = ("u", "1970-01-02T00:00:00Z", "1970-01-03T00:00:00Z")
        self.assertEqual(
            self.run_query(events_windows.daily, *rows, allowance=10), [(*first, 1), (*second, 2)]
        )
        self.assertEqual(
            self.run_query(events_windows.daily, *rows, allowance=11), [(*first, 2), (*second, 2)]
        )
        self.assertEqual(
            self.run_query(events_windows.late, *rows, allowance=10),
            [("u", "a", "1970-01-01T23:59:59Z")],
        )

    def test_weekly(self):
        rows = [(10 * 86400, "u", "a", 5), (11 * 86400 - 1, "u", "a", 6), (11 * 86400, "u", "a", 7)]
        midnight = "1970-01-%02dT00:00:00Z"
        self.assertEqual(
            self.run_query(events_windows.weekly, *rows),
            [
                ("a", midnight % (5 + n), midnight % (12 + n), *count_and_sum)
                for n, count_and_sum in enumerate([(2, 11)] + [(3, 18)] * 6 + [(1, 7)])
            ],
        )

    def test_sessions_merge_and_split_at_exactly_the_gap(self):
        rows = [(3600, "u", "a", 1), (0, "u", "a", 1), (3599, "u", "a", 1), (7200, "u", "a", 1)]
        self.assertEqual(
            self.run_query(events_windows.sessions, *rows, allowance=3600),
            [
                ("u", "1970-01-01T00:00:00Z", "1970-01-01T02:00:00Z", 3),
                ("u", "1970-01-01T02:00:00Z", "1970-01-01T03:00:00Z", 1),
            ],
        )

    def test_dedupe(self):
        rows = [
            (86400, "u", "a", 1),
            (0, "u", "a", 1),
            (86400, "u", "a", 1),
            (1, "u", "a", 1),
            (172799, "u", "a", 1),
            (1, "u", "b", 1),
        ]
        times = lambda lines: [(kind, time) for _, kind, time in lines]
        self.assertEqual(
            times(self.run_query(events_windows.dedupe_kinds, *rows, allowance=10**6)),
            [
                ("a", "1970-01-01T00:00:00Z"),
                ("a", "1970-01-02T00:00:00Z"),
                ("b", "1970-01-01T00:00:01Z"),
            ],
        )
        self.assertEqual(len(self.run_query(events_windows.dedupe_rows, *rows, allowance=10**6)), 5)

    def test_join(self):
        rows = [
            (0, "u", "commit", 1),
            (0, "u", "merge", 1),
            (3600, "u", "merge", 1),
            (3600, "u", "merge", 1),
            (3601, "u", "commit", 1),
            (3700, "v", "merge", 1),
        ]
        pair = ("u", "1970-01-01T00:00:00Z", "1970-01-01T01:00:00Z")
        self.assertEqual(self.run_query(events_windows.join_pairs, *rows), [pair, pair])
        self.assertEqual(self.run_query(events_windows.followed, *rows), [("u", 2, 1)])

    def test_totals_take_the_last_arrived(self):
        rows = [(9, "u", "a", 5), (8, "u", "a", 3), (9, "v", "a", 1)]
        self.assertEqual(
            self.run_query(events_windows.totals, *rows, allowance=5),
            [("u", 2, 8, 3), ("v", 1, 1, 1)],
        )

    def test_shop_queries(self):
        text = "event_time,event_type,product_id,user_id,user_session\n" + "".join(
            "2019-10-01 %s UTC,%s,p,u,s\n" % row
            for row in (
                ("00:00:00", "view"),
                ("00:04:59", "view"),
                ("00:10:00", "cart"),
                ("00:34:59", "purchase"),
                ("00:35:00", "purchase"),
            )
        )
        in_time, _ = events_windows.read([self.file("in.csv", text)], 0)
        clock = "2019-10-01T00:%sZ"
        self.assertEqual(
            list(events_windows.funnels(in_time)),
            [
                {
                    "user": "u",
                    "product": "p",
                    "viewed_at": clock % "04:59",
                    "carted_at": clock % "10:00",
                    "purchased_at": clock % "34:59",
                }
            ],
        )
        self.assertEqual(
            [line["count"] for line in events_windows.shop_sessions(in_time)], [2, 1, 2]
        )


if __name__ == "__main__":
    unittest.main()
