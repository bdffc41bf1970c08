#!/usr/bin/env python3
"""The example word_count gives the right counts, at every parallelism and across kills."""

import cases
import weirtest

case = cases.word_count()
weirtest.main(
    lambda: weirtest.at_every_parallelism(case),
    lambda: weirtest.across_kills(case, count=5, rate=None, longest=0.03),
)
