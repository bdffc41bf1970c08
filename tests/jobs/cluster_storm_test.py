#!/usr/bin/env python3
"""A short storm over clusters of real processes, a run or two of each kind; the long one is
`./dev soak cluster`."""

import cluster_soak

cluster_soak.main(["--count", "40", "--most", "6"])
