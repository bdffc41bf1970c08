"""What a break of the engine is; see breaks.py."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Break:
    """One way to break the engine."""

    name: str
    what: str  # for people: what is wrong then
    file: str  # below the root of the tree
    old: str
    new: str
    tried: tuple = ()


def make(name, what, file, old, new, tried=""):
    """A break; `tried` with blanks between the suites."""
    return Break(name, what, file, old, new, tuple(tried.split()))
