#!/usr/bin/env python3
"""A short storm over clusters of real processes; `./dev soak cluster` is the long one."""

import cluster_soak

cluster_soak.main(["--count", "50"])
