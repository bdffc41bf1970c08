#!/usr/bin/env python3
"""Makes the corpus of fuzzers small again: minimise.py FUZZERS_FOLDER [NAME]... [--from FOLDER]

FUZZERS_FOLDER holds the binaries (build-fuzz/fuzz). For each fuzzer, what its seeds, its kept
corpus and FOLDER/NAME cover together is covered again by few small inputs, which become
tests/fuzz/corpus/NAME. Inputs called regression-* stay as they are.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

MOST_FILES, MOST_BYTES = 50, 100_000
CORPUS = Path(__file__).parent / "corpus"


def covered(binary, folders):
    """What each input covers, by the first half of libFuzzer's merge: {path: set of edges}."""
    with tempfile.TemporaryDirectory() as folder:
        control = Path(folder, "control")
        Path(folder, "out").mkdir()
        subprocess.run([binary, "-set_cover_merge=1", "-use_counters=0",
                        f"-merge_control_file={control}", Path(folder, "out"), *folders],
                       check=True, capture_output=True)
        lines = control.read_text(errors="replace").splitlines()
    files = lines[2:2 + int(lines[0])]
    found = {}
    for line in lines[2 + len(files):]:
        kind, index, *features = line.split()
        if kind == "FT":
            found.setdefault(files[int(index)], set()).update(features)
    return found


def choose(coverage):
    """Greedily the input that adds most, the smaller one among equals."""
    seen, chosen, size = set(), [], 0
    left = dict(coverage)
    while left and len(chosen) < MOST_FILES:
        best = max(left, key=lambda path: (len(left[path] - seen), -Path(path).stat().st_size))
        new = left.pop(best) - seen
        if not new:
            break
        if size + Path(best).stat().st_size > MOST_BYTES:
            continue
        seen |= new
        size += Path(best).stat().st_size
        chosen.append(best)
    return chosen


def minimise(binary, name, more):
    kept = CORPUS / name
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as seeds:
        subprocess.run([binary, "--seeds", seeds], check=True)
        folders = [seeds, kept] + ([more / name] if more and (more / name).is_dir() else [])
        chosen = [Path(path).read_bytes() for path in choose(covered(binary, folders))]
    for old in kept.iterdir():
        if not old.name.startswith("regression-"):
            old.unlink()
    for content in chosen:
        (kept / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)
    print(f"{name}: {len(chosen)} inputs, {sum(map(len, chosen))} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fuzzers", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--from", dest="more", type=Path)
    args = parser.parse_intermixed_args()
    names = args.names or [path.name.removesuffix("_fuzz")
                           for path in sorted(args.fuzzers.glob("*_fuzz"))]
    for name in names:
        minimise(args.fuzzers / f"{name}_fuzz", name, args.more)
    return 0


if __name__ == "__main__":
    sys.exit(main())
