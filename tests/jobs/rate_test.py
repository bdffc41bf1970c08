#!/usr/bin/env python3
"""The tool behind `soak rate`, for a quarter of a minute: nothing grows but what must, and all that
comes out is right. How long things take is not judged here: the machine may be busy."""

import rate
import weirtest

if __name__ == "__main__":
    weirtest.main(lambda: rate.run(15, rate.Course(users=20_000, rounds=10), judge_times=False,
                                   patience=8))
