"""What the trace scripts share: where the data is, money, and the two CSV files that Depot reads.

Formats: docs/TRACES.md. Standard library only.
"""

import argparse
import csv
import hashlib
import os
import pathlib
import re
import sys

NAME_PART = re.compile(r"[A-Za-z0-9._-]{1,64}")  # manufacturer id, sku
NAME_BYTES_MAX = 200


def argument_parser(purpose):
    parser = argparse.ArgumentParser(
        description=purpose, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the sources' folder (else $DEPOT_DATA, ../shared/data)")
    parser.add_argument("--out", required=True, help="folder for catalogue.csv and orders.csv")
    return parser


def data_dir(argument):
    """The folder with the sources: the argument, else $DEPOT_DATA, else ../shared/data."""
    folder = pathlib.Path(argument or os.environ.get("DEPOT_DATA") or "../shared/data")
    if not folder.is_dir():
        sys.exit(f"{folder}: no such folder; give --data or DEPOT_DATA (docs/TRACES.md)")
    return folder


def minor_units(text):
    """"18.00" -> 1800. More than two digits behind the point is an error, never rounded."""
    whole, _, fraction = text.strip().partition(".")
    fraction = fraction.rstrip("0")
    if not whole.isdigit() or len(fraction) > 2 or (fraction and not fraction.isdigit()):
        raise ValueError(f"not an amount in cents: {text!r}")
    return int(whole) * 100 + int(fraction.ljust(2, "0"))


def decimal(minor):
    return f"{minor // 100}.{minor % 100:02d}"


def product_name(text, fallback):
    """One printable line of at most 200 bytes."""
    name = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    while len(name.encode()) > NAME_BYTES_MAX:
        name = name[:-1]
    return name or fallback


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Trace:
    """Collects offers and order lines, checks them, writes <out>/catalogue.csv and orders.csv."""

    def __init__(self):
        self.offers = {}  # offer id -> [manufacturer name, product name, price, offered]
        self.lines = []  # (order_ref, customer_ref, offer id, quantity, placed_at)

    def offer(self, manufacturer, manufacturer_name, sku, name, price, offered):
        for part in (manufacturer, sku):
            if not NAME_PART.fullmatch(part):
                raise ValueError(f"{part!r} is not [A-Za-z0-9._-]{{1,64}}")
        offer = f"{manufacturer}:{sku}"
        if offer in self.offers:
            raise ValueError(f"{offer} is offered twice")
        self.offers[offer] = [manufacturer_name, name, price, offered]
        return offer

    def line(self, order, customer, offer, quantity, placed_at):
        self.lines.append((order, customer, offer, quantity, placed_at))

    def ordered(self):
        """Units ordered of each offer."""
        totals = dict.fromkeys(self.offers, 0)
        for _, _, offer, quantity, _ in self.lines:
            totals[offer] += quantity
        return totals

    def write(self, out):
        out = pathlib.Path(out)
        out.mkdir(parents=True, exist_ok=True)
        with open(out / "catalogue.csv", "w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(["manufacturer_id", "manufacturer_name", "sku", "name", "unit_price",
                           "offered"])
            for offer, (maker, name, price, offered) in self.offers.items():
                manufacturer, sku = offer.split(":")
                rows.writerow([manufacturer, maker, sku, name, decimal(price), offered])
        with open(out / "orders.csv", "w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(["order_ref", "customer_ref", "offer_id", "quantity", "placed_at"])
            rows.writerows(self.lines)
        self.report(out)

    def report(self, out):
        units = sum(quantity for _, _, _, quantity, _ in self.lines)
        value = sum(self.offers[offer][2] * quantity for _, _, offer, quantity, _ in self.lines)
        print(f"written        {out}/catalogue.csv, {out}/orders.csv")
        print(f"manufacturers  {len({offer.split(':')[0] for offer in self.offers}):,}")
        offered = sum(row[3] for row in self.offers.values())
        print(f"offers         {len(self.offers):,}, {offered:,} units offered")
        print(f"customers      {len({customer for _, customer, _, _, _ in self.lines}):,}")
        print(f"orders         {len({line[:2] for line in self.lines}):,}")
        print(f"lines          {len(self.lines):,}")
        print(f"units ordered  {units:,}")
        print(f"worth          {value // 100:,}.{value % 100:02d} at the catalogue's prices")
