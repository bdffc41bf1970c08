#!/usr/bin/env python3
"""The example cart_abandonment is exact: at every parallelism, over one file and several, across
kills at random moments and at every failpoint, and when it moves to another parallelism."""

import cases
import weirtest

one_shop, shops = cases.cart_abandonment(), cases.cart_abandonment_of_files()
weirtest.main(
    lambda: weirtest.at_every_parallelism(one_shop),
    lambda: weirtest.at_every_parallelism(shops),
    lambda: weirtest.across_kills(one_shop, count=25, rate=25_000),
    lambda: weirtest.across_kills(shops, count=10, rate=8_000),
    lambda: weirtest.across_failpoints(one_shop, rate=100_000),
    lambda: weirtest.across_savepoints(one_shop, rate=50_000),
)
