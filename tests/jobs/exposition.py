"""A strict reader of Prometheus' text format 0.0.4: what it takes every scraper takes."""

import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (\S+)")
VALUE = re.compile(r"[+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|Inf)|NaN")


def parse(text):
    """{family: {labels: value}}, labels as a frozenset of pairs. Raises ValueError."""
    if not text.endswith("\n"):
        raise ValueError("the last line does not end")
    families, kind, helped, current = {}, {}, set(), None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            current = line.split(" ")[2]
            if current in helped or not re.fullmatch(NAME, current) or len(line.split(" ")) < 4:
                raise ValueError(f"HELP twice, without a name, or without text: {line}")
            helped.add(current)
            continue
        if line.startswith("# TYPE "):
            _, _, name, what = line.split(" ")
            if name != current or name in kind or what not in ("counter", "gauge"):
                raise ValueError(f"TYPE twice, unknown, or not behind its HELP: {line}")
            if (what == "counter") != name.endswith("_total"):
                raise ValueError(f"a counter ends with _total, and nothing else does: {line}")
            kind[name] = what
            families[name] = {}
            continue
        match = SAMPLE.fullmatch(line)
        if not match or not VALUE.fullmatch(match[match.lastindex]):
            raise ValueError(f"no sample: {line}")
        if match[1] != current or current not in kind:
            raise ValueError(f"a sample outside of its family: {line}")
        pairs = re.findall(LABEL, match[2] or "")
        labels = frozenset(pairs)
        if len({name for name, _ in pairs}) != len(pairs) or labels in families[current]:
            raise ValueError(f"a label or a series twice: {line}")
        value = float(match[match.lastindex])
        if kind[current] == "counter" and not value >= 0:
            raise ValueError(f"a counter below nothing: {line}")
        families[current][labels] = value
    return families
