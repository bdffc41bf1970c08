#!/usr/bin/env python3
"""The example shop_cohorts is exact: at every parallelism, over one file and several, across kills
at random moments and at every failpoint, and when it moves to another parallelism."""

import cases
import weirtest

whole, pieces = cases.shop_cohorts(), cases.shop_cohorts_of_files()
weirtest.main(
    lambda: weirtest.at_every_parallelism(whole),
    lambda: weirtest.at_every_parallelism(pieces),
    lambda: weirtest.across_kills(whole, count=25, rate=40_000),
    lambda: weirtest.across_kills(pieces, count=10, rate=10_000),
    lambda: weirtest.across_failpoints(whole, rate=150_000),
    lambda: weirtest.across_savepoints(whole, rate=80_000),
)
