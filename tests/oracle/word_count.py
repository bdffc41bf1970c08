"""Says what the example job `word_count` must answer: how often each word stands in the files.

A word is a longest run of bytes other than ASCII white space (space, tab, CR, LF, VT, FF), as it
stands: no case folding, no punctuation removed. Every count is at least 1.

  word_count.py FILE...                       prints {"count":N,"word":"..."} lines
  word_count.py FILE... --compare OUTPUT_DIR  compares OUTPUT_DIR/part-*; exit 1 if different
"""

import argparse
import collections
import sys

import common


def count(paths):
    words = collections.Counter()
    for path in paths:
        with common.open_binary(path) as lines:
            for line in lines:
                words.update(line.split())
    return words


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("files", nargs="+")
    arguments.add_argument("--compare", metavar="OUTPUT_DIR")
    options = arguments.parse_args()
    rows = [
        {"word": word.decode("utf-8", "replace"), "count": n}
        for word, n in count(options.files).items()
    ]
    if options.compare:
        keys = ("word", "count")
        actual = common.read_parts(options.compare)
        found = common.differences(
            "words", common.project(rows, keys), common.project(actual, keys)
        )
        return common.report(found, "%d words" % len(actual))
    common.print_lines(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
