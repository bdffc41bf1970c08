"""Checks cart_abandonment.py on small cases; answers are written by hand from the definition."""

import json
import unittest

import cart_abandonment
from temp_files import TempFiles


class CartAbandonment(TempFiles):
    EVENTS = {
        "V": "Product Viewed",
        "A": "Product Added",
        "O": "Order Completed",
        "X": "Cart Viewed",
    }

    def line(self, what, clock, message, user="u"):
        return (
            json.dumps(
                {
                    "event": self.EVENTS[what],
                    "userId": user,
                    "messageId": message,
                    "timestamp": "2026-01-15T%sZ" % clock,
                }
            )
            + "\n"
        )

    def read(self, *lines):
        return cart_abandonment.read([self.file("in.jsonl", "".join(lines))])

    def alerts(self, *events):
        """Runs one user's ('V', '10:00:00.000') events and returns the alerts as 'added > at'."""
        users, _, dead, _ = self.read(
            *(self.line(what, clock, str(n)) for n, (what, clock) in enumerate(events))
        )
        self.assertEqual(dead, [])
        return [
            "%s > %s" % (alert["added_at"][11:-1], alert["at"][11:-1])
            for alert in cart_abandonment.alerts(users)
        ]

    def test_the_line(self):
        users, _, _, _ = self.read(
            self.line("V", "10:00:00", "1"), self.line("A", "10:00:01.5", "2")
        )
        self.assertEqual(
            list(cart_abandonment.alerts(users)),
            [
                {
                    "user": "u",
                    "event": "HighIntentCartAbandonment",
                    "added_at": "2026-01-15T10:00:01.500Z",
                    "at": "2026-01-15T10:30:01.500Z",
                }
            ],
        )

    def test_a_view_must_lie_in_the_thirty_minutes_before(self):
        self.assertEqual(self.alerts(("A", "10:00:00")), [])
        self.assertEqual(
            self.alerts(("V", "10:00:00"), ("A", "10:30:00")), ["10:30:00.000 > 11:00:00.000"]
        )
        self.assertEqual(self.alerts(("V", "10:00:00"), ("A", "10:30:00.001")), [])
        self.assertEqual(
            self.alerts(("A", "10:00:00"), ("V", "10:00:00")),  # at one instant
            ["10:00:00.000 > 10:30:00.000"],
        )

    def test_an_order_closes_silently_up_to_its_last_instant(self):
        opened = (("V", "10:00:00"), ("A", "10:00:00"))
        self.assertEqual(self.alerts(*opened, ("O", "10:30:00")), [])
        self.assertEqual(
            self.alerts(*opened, ("O", "10:30:00.001")), ["10:00:00.000 > 10:30:00.000"]
        )
        self.assertEqual(self.alerts(*opened, ("O", "10:00:00")), ["10:00:00.000 > 10:30:00.000"])

    def test_only_one_episode_is_open(self):
        self.assertEqual(
            self.alerts(("V", "10:00:00"), ("A", "10:00:00"), ("A", "10:10:00"), ("A", "10:10:00")),
            ["10:00:00.000 > 10:30:00.000"],
        )

    def test_one_instant_orders_then_alerts_then_additions(self):
        reopened = (("V", "10:00:00"), ("A", "10:00:00"), ("V", "10:20:00"), ("A", "10:30:00"))
        self.assertEqual(
            self.alerts(*reopened), ["10:00:00.000 > 10:30:00.000", "10:30:00.000 > 11:00:00.000"]
        )
        self.assertEqual(self.alerts(*reopened, ("O", "10:30:00")), ["10:30:00.000 > 11:00:00.000"])

    def test_event_time_order_not_arrival(self):
        self.assertEqual(self.alerts(("V", "10:00:00"), ("O", "10:00:09"), ("A", "10:00:01")), [])

    def test_late_is_more_than_ten_seconds_behind_its_file(self):
        _, late, _, _ = self.read(
            self.line("X", "10:00:10.001", "1"),
            self.line("X", "10:00:00.001", "2"),
            self.line("X", "10:00:00.000", "3"),
        )
        self.assertEqual([record["messageId"] for record in late], ["3"])

    def test_repeats_within_24_hours_of_event_time(self):
        day = "2026-01-1%dT%sZ"
        whens = (
            (5, "10:00:00"),
            (5, "09:59:55"),
            (6, "09:59:59.999"),
            (6, "10:00:00"),
            (6, "09:59:59"),
        )
        lines = [
            self.line("X", "10:00:00", "m").replace("2026-01-15T10:00:00Z", day % when)
            for when in whens
        ]
        _, late, _, repeats = self.read(*lines)
        self.assertEqual((late, repeats), ([], 3))  # the first and that exactly 24 h later stay

    def test_a_late_record_does_not_make_a_repeat_of_a_good_one(self):
        users, late, _, repeats = self.read(
            self.line("X", "10:01:00", "1"),
            self.line("X", "10:00:00", "m"),
            self.line("X", "10:01:01", "m"),
        )
        self.assertEqual((len(late), repeats, len(users["u"])), (1, 0, 2))

    def test_dead_letters(self):
        good = self.line("V", "10:00:00", "1")
        _, _, dead, _ = self.read(
            good,
            "\n",
            good[:40] + "\n",
            "[]\n",
            "7\n",
            good.replace('"u"', "7"),
            good.replace('"u"', '""'),
            good.replace("userId", "user"),
            good.replace("10:00:00", "25:00:00"),
            good.replace("}", "}}"),
            good.replace("}", ',"x":NaN}'),
        )
        self.assertEqual(len(dead), 9)


if __name__ == "__main__":
    unittest.main()
