#!/usr/bin/env python3
"""Sessions that merge, a funnel, days, repeats and late rows over a real clickstream are exact, at
every parallelism, across kills and when the job moves to another parallelism."""

import cases
import weirtest

case, pieces = cases.clicks(), cases.clicks_of_files()
weirtest.main(
    lambda: weirtest.at_every_parallelism(case),
    lambda: weirtest.at_every_parallelism(pieces),
    lambda: weirtest.across_kills(case, count=15, rate=8_000),
    lambda: weirtest.across_savepoints(case, rate=15_000, moves=((2, 3), (7, 1))),
)
