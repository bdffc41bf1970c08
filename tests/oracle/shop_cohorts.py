"""Says what the example job `shop_cohorts` must answer; clear rather than fast.

Input: CSV (RFC 4180) whose first line names the columns; used are invoice, stock_code, quantity,
invoice_time, unit_price, customer_id. Several files are several splits.

Every row is exactly one of these, tried in this order:
  malformed  its number of fields differs from the header's, or invoice is empty, or quantity is not
             an integer of 32 bits, or unit_price not a decimal number (sign, 1 to 9
             digits, perhaps a point and 1 to 9 digits), or invoice_time not a time (UTC; see
             common.parse_time);
  late       its time lies before the newest time of a well-formed row earlier in its file
             (the out-of-order allowance is zero);
  anonymous  it has no customer_id;
  a row of a customer: a *cancellation* if invoice begins with C, else a *purchase row*.
Empty lines are no rows. Only rows of customers count for the cohorts. A customer's rows are put
together from all files; file order does not matter, since every definition speaks of times only.

Membership of a customer is a function of event time t, constant between the instants at which a row
arrives or leaves an interval; so it is worked out afresh, from its definition, at each such
instant, in order, and a change is written when it differs from before. At first nobody is a
member.
  big_spenders   sum(quantity * unit_price) over all rows in (t - 7 d, t] is above 1000 (exact)
  repeat_buyers  two or more invoices of purchase rows have their earliest row in (t - 7 d, t]
  returners      t >= the first cancellation that has a purchase row in [its time - 14 d, its time)
  lapsed         there is a purchase row, and the newest one at or before t is at least 30 d old
The end of input is the end of time: instants after the last row count like all others.

  shop_cohorts.py INPUT...   prints the change lines; the counts go to stderr
    --compare OUTPUT_DIR     compares a job's changes and anonymous instead; exit 1 if different
"""

import argparse
import collections
import csv
import decimal
import itertools
import os
import re
import sys

import common
from common import DAY

decimal.getcontext().prec = 60  # far more digits than any sum has: arithmetic is exact
QUANTITY = re.compile(r"-?\d+", re.ASCII)
PRICE = re.compile(r"[+-]?\d{1,9}(\.\d{1,9})?", re.ASCII)

Row = collections.namedtuple("Row", "time invoice amount")


def is_quantity(text):
    return QUANTITY.fullmatch(text) is not None and -(2**31) <= int(text) < 2**31


def read_row(fields, header):
    """Returns (time, amount, row as a dict); raises ValueError for a malformed row."""
    if len(fields) != len(header):
        raise ValueError("%d fields instead of %d" % (len(fields), len(header)))
    row = dict(zip(header, fields))
    if not row["invoice"]:
        raise ValueError("no invoice")
    if not is_quantity(row["quantity"]):
        raise ValueError("quantity is not an integer: %r" % row["quantity"])
    if not PRICE.fullmatch(row["unit_price"]):
        raise ValueError("unit_price is not a decimal number: %r" % row["unit_price"])
    amount = int(row["quantity"]) * decimal.Decimal(row["unit_price"])
    return common.parse_time(row["invoice_time"]), amount, row


def read(paths):
    """Sorts the rows of all files into customers {id: [Row]}, anonymous, late and malformed."""
    customers, anonymous, late, malformed = collections.defaultdict(list), [], [], []
    for path in paths:
        with common.open_text(path) as text:
            lines = csv.reader(text)
            header = next(lines)
            lateness = common.Lateness(0)
            for fields in filter(None, lines):
                try:
                    time, amount, row = read_row(fields, header)
                except ValueError as error:
                    malformed.append((fields, str(error)))
                    continue
                if lateness.is_late(time):
                    late.append(row)
                elif not row["customer_id"]:
                    anonymous.append(row)
                else:
                    customers[row["customer_id"]].append(Row(time, row["invoice"], amount))
    return customers, anonymous, late, malformed


def is_cancellation(row):
    return row.invoice.startswith("C")


def big_spenders(rows):
    sums = collections.Counter()
    for row in rows:
        sums[row.time] += row.amount
    instants = {t + d for t in sums for d in (0, 7 * DAY)}
    return instants, lambda t: sum(a for s, a in sums.items() if t - 7 * DAY < s <= t) > 1000


def repeat_buyers(rows):
    earliest = {}
    for row in rows:
        if not is_cancellation(row):
            earliest[row.invoice] = min(row.time, earliest.get(row.invoice, row.time))
    instants = {t + d for t in earliest.values() for d in (0, 7 * DAY)}
    return instants, lambda t: sum(t - 7 * DAY < s <= t for s in earliest.values()) >= 2


def returners(rows):
    bought = {row.time for row in rows if not is_cancellation(row)}
    returned = {row.time for row in rows if is_cancellation(row)}
    entering = {t for t in returned if any(t - 14 * DAY <= s < t for s in bought)}
    return entering, lambda t: any(s <= t for s in entering)


def lapsed(rows):
    bought = {row.time for row in rows if not is_cancellation(row)}
    instants = {t + d for t in bought for d in (0, 30 * DAY)}
    return instants, lambda t: t - max(s for s in bought if s <= t) >= 30 * DAY


def changes(customers):
    """The change lines of all customers, per customer and cohort in the order of time."""
    for customer, rows in customers.items():
        for cohort in (big_spenders, repeat_buyers, returners, lapsed):
            instants, is_member_at = cohort(rows)
            member = False
            for t in sorted(instants):
                if is_member_at(t) != member:
                    member = not member
                    yield {
                        "customer": customer,
                        "cohort": cohort.__name__,
                        "change": "entered" if member else "left",
                        "at": common.format_time(t),
                    }


def broken_alternation(lines):
    """Complains where the changes of one customer and cohort are not entered, left, entered, ... at
    strictly rising times."""
    found, groups = [], collections.defaultdict(list)
    for line in lines:
        groups[line["customer"], line["cohort"]].append(
            (common.parse_time(line["at"]), line["change"])
        )
    for key, history in sorted(groups.items()):
        history.sort()
        if any(
            change != word
            for (_, change), word in zip(history, itertools.cycle(["entered", "left"]))
        ):
            found.append(
                "changes of %s in %s do not alternate: %s" % (*key, [c for _, c in history])
            )
        if len({t for t, _ in history}) < len(history):
            found.append("two changes of %s in %s at one time" % key)
    return found


def compare(output, customers, anonymous):
    expected, actual = list(changes(customers)), common.read_parts(os.path.join(output, "changes"))
    found = common.differences("changes", expected, actual) + broken_alternation(actual)[:10]
    keys = ("invoice", "stock_code")
    nameless = common.read_parts(os.path.join(output, "anonymous"))
    found += common.differences(
        "anonymous", common.project(anonymous, keys), common.project(nameless, keys)
    )
    return common.report(found, "%d changes, %d anonymous rows" % (len(actual), len(nameless)))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("inputs", nargs="+")
    arguments.add_argument("--compare", metavar="OUTPUT_DIR")
    options = arguments.parse_args()
    customers, anonymous, late, malformed = read(options.inputs)
    print(
        "customers=%d rows=%d anonymous=%d late=%d malformed=%d"
        % (
            len(customers),
            sum(map(len, customers.values())),
            len(anonymous),
            len(late),
            len(malformed),
        ),
        file=sys.stderr,
    )
    if options.compare:
        return compare(options.compare, customers, anonymous)
    common.print_lines(changes(customers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
