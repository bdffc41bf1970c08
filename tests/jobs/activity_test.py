#!/usr/bin/env python3
"""Windows, sessions, dedupe, joins, running aggregates and late rows over real activity are exact,
at every parallelism, across kills and when the job moves to another parallelism."""

import cases
import weirtest

case, pieces = cases.activity(), cases.activity_of_files()
weirtest.main(
    lambda: weirtest.at_every_parallelism(case),
    lambda: weirtest.at_every_parallelism(pieces),
    lambda: weirtest.across_kills(case, count=25, rate=15_000),
    lambda: weirtest.across_savepoints(case, rate=30_000, moves=((1, 3), (7, 2))),
)
