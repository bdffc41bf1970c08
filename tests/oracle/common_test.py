"""Checks common.py and word_count.py on small cases; answers are written by hand."""

import gzip
import unittest

import common
import word_count
from temp_files import TempFiles


class Common(TempFiles):
    def test_times(self):
        self.assertEqual(common.parse_time("1970-01-02 00:00"), common.DAY)
        self.assertEqual(common.parse_time("1970-01-01T00:00:01.2349Z"), 1234)
        self.assertEqual(common.parse_time("1970-01-01T01:00:00.5+01:00"), 500)
        self.assertEqual(common.parse_time("1970-01-01T00:00:00-0030"), 30 * common.MINUTE)
        for bad in (
            "",
            "1970-02-30T00:00:00",
            "1970-01-01",
            "1970-01-01T00:00:60Z",
            "1-1-1 0:0",
            "0",
        ):
            with self.assertRaises(ValueError, msg=bad):
                common.parse_time(bad)
        self.assertEqual(common.format_time(1234), "1970-01-01T00:00:01.234Z")
        self.assertEqual(common.format_time(1000), "1970-01-01T00:00:01Z")
        self.assertEqual(common.format_time(1000, True), "1970-01-01T00:00:01.000Z")

    def test_late_is_strictly_older_than_newest_less_allowance(self):
        lateness = common.Lateness(10)
        self.assertEqual(
            [lateness.is_late(t) for t in (5, 20, 10, 9, 20, 31, 20)],
            [False, False, False, True, False, False, True],
        )

    def test_reads_gzip(self):
        path = self.file("x.gz", "")
        with gzip.open(path, "wt") as out:
            out.write("a\nb\n")
        with common.open_text(path) as lines:
            self.assertEqual(list(lines), ["a\n", "b\n"])

    def test_differences_are_of_multisets(self):
        self.assertEqual(common.differences("x", [{"a": 1, "b": 2}, 3], [3, {"b": 2, "a": 1}]), [])
        self.assertEqual(
            common.differences("x", [1, 1, 2], [1, 2, 2]),
            ["x: 1 missing", "  missing (1 x): 1", "x: 1 unexpected", "  unexpected (1 x): 2"],
        )


class WordCount(TempFiles):
    def test_words(self):
        self.assertEqual(
            word_count.count([self.file("a", "a b  a\n\nB\tc, a"), self.file("b", "b")]),
            {b"a": 3, b"b": 2, b"B": 1, b"c,": 1},
        )


if __name__ == "__main__":
    unittest.main()
