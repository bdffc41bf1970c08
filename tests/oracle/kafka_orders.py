"""What the job kafka_orders must answer, by a plain program: for each order of a user, in their
order, what the user has ordered so far."""

import json


def orders(lines):
    """Input lines PARTITION \\t USER \\t JSON in the order of producing."""
    for line in lines:
        _, _, value = line.rstrip("\n").split("\t", 2)
        order = json.loads(value)
        yield order["user"], order["amount"]


def expected(lines):
    """User -> the rows that must come out for it, in order."""
    rows = {}
    for user, amount in orders(lines):
        mine = rows.setdefault(user, [])
        before = mine[-1]["sum"] if mine else 0
        mine.append(
            {"user": user, "amount": amount, "orders": len(mine) + 1, "sum": before + amount}
        )
    return rows


def seen(lines):
    """User -> the rows that came out, in the order of their partition. Lines as kafka_tool prints
    them: PARTITION \\t OFFSET \\t KEY \\t VALUE."""
    rows, places = {}, {}
    for line in lines:
        partition, _, key, value = line.rstrip("\n").split("\t", 3)
        if places.setdefault(key, partition) != partition:
            raise ValueError("records of %s are in partitions %s and %s"
                             % (key, places[key], partition))
        row = json.loads(value)
        if row["user"] != key:
            raise ValueError("the key of %s is %s" % (value, key))
        rows.setdefault(key, []).append(row)
    return rows


def differences(wanted, found, most=5):
    """Sentences; none when all is right."""
    said = []
    for user in sorted(set(wanted) | set(found)):
        want, have = wanted.get(user, []), found.get(user, [])
        if want == have:
            continue
        at = next((i for i, (w, h) in enumerate(zip(want, have)) if w != h),
                  min(len(want), len(have)))
        said.append(
            "%s: %d rows wanted, %d found; at %d wanted %s, found %s"
            % (user, len(want), len(have), at, want[at:at + 1], have[at:at + 1])
        )
        if len(said) == most:
            break
    return said
