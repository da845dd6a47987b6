"""A manufacturer's ledger: docs/PROTOCOL.md, "A manufacturer: its ledger out" and "Statements"."""

OFFER, SOLD, CANCELLED, STATE, CYCLE = range(1, 6)  # kinds of entries
COLLECTING, OPEN, CLOSING, CLOSED, SETTLING, SETTLED = range(1, 7)  # states of a cycle
WIDTHS = {OFFER: 6, SOLD: 5, CANCELLED: 7}  # fields in a row of these


def rows_of(kind, flat):
    """The rows of an entry that moves goods; none of any other."""
    width = WIDTHS.get(kind)
    return [flat[i:i + width] for i in range(0, len(flat), width)] if width else []


class Ledger:
    def __init__(self):
        self.entries = []  # (epoch, number), kind, cycle, flat rows; without a gap

    def position(self):
        return self.entries[-1][0] if self.entries else (0, 0)

    def add(self, at, kind, time_ms, cycle, flat):
        """False for an entry that is here already, or does not follow the newest."""
        if at <= self.position():
            return False
        before = (at[0], at[1] - 1)
        if at[1] == 0:  # Opens an epoch. What we hold above the one it names never happened.
            before = tuple(flat)
            self.entries = [entry for entry in self.entries if entry[0] <= before]
        if self.position() != before:
            return False
        self.entries.append((at, kind, cycle, flat))
        return True

    def left(self, cycle):
        """What can still be sold: sku -> units."""
        return {row[kind != OFFER]: row[-1] for _, kind, of_cycle, flat in self.entries
                if of_cycle == cycle for row in rows_of(kind, flat)}

    def statement(self, cycle, manufacturer, currency, fee_rate):
        """The canonical text of a cycle that this ledger has the end of."""
        begin, end = (1, 0), None
        skus, sales = {}, {}  # [opening, offered, cut, sold, cancelled]; sku, price -> units
        for (epoch, number), kind, of_cycle, flat in self.entries:
            if kind == CYCLE and flat[1] == CLOSED:
                end = (epoch, number)
                if of_cycle == cycle:
                    break
                begin = (epoch, number + 1)
            if of_cycle != cycle:
                continue
            if kind == CYCLE and flat[1] == OPEN:
                for sums in skus.values():
                    sums[0] = sums[1]
            for row in rows_of(kind, flat):
                sku = row[0] if kind == OFFER else row[1]
                sums = skus.setdefault(sku, [0] * 5)
                if kind != SOLD:
                    sums[1:3] = row[-3:-1]  # offered and cut behind this entry
                if kind != OFFER:
                    units = row[2] if kind == SOLD else -row[2]
                    sums[3] += units
                    sums[4] += max(-units, 0)
                    sales[sku, row[3]] = sales.get((sku, row[3]), 0) + units
        gross = sum(price * units for (_, price), units in sales.items())
        fee = (gross * fee_rate + 5_000) // 10_000
        lines = ["depot-statement 1", f"cycle {cycle}", f"manufacturer {manufacturer}",
                 f"currency {currency}"]
        lines += [f"offer {sku} {opening} {offered - opening} {cut} {sold} {cancelled}"
                  f" {offered - cut - sold}"
                  for sku, (opening, offered, cut, sold, cancelled) in sorted(skus.items())]
        lines += [f"sale {sku} {price} {units} {price * units}"
                  for (sku, price), units in sorted(sales.items()) if units]
        lines.append(f"total {sum(sales.values())} {gross} {fee_rate} {fee} {gross - fee}")
        lines.append("ledger {}-{} {}-{}".format(*begin, *end))
        return "".join(line + "\n" for line in lines)
