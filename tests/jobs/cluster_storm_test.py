#!/usr/bin/env python3
"""A short storm over clusters of real processes; `./dev soak cluster` is the long one."""

import sys

import cluster_soak

sys.argv[1:] = ["--count", "40"]
cluster_soak.main()
