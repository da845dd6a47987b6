#!/usr/bin/env python3
"""Turns the UCI "Online Retail" data into a catalogue and an order trace for `depot replay`.

  bench/traces/online_retail.py --out /tmp/retail                      offered = total per code
  bench/traces/online_retail.py --out /tmp/retail --short-codes 100    one unit less for 100 codes

Kept are the clean buys: quantity > 0, price > 0, a customer, a code that starts with a digit;
codes in upper case. An offer's price is that of its code's first clean line. The data has no
manufacturer: the first two characters of the code stand for one.
"""

import csv
import io
import lzma

import tracefiles


def open_source(folder):
    packed = folder / "online_retail.csv.xz"
    path = packed if packed.exists() else folder / "online_retail.csv"
    binary = lzma.open(path, "rb") if path == packed else open(path, "rb")
    return path, io.TextIOWrapper(binary, encoding="utf-8-sig", newline="")


def clean_buys(file):
    """The lines that are purchases, in the file's order, with code and customer cleaned."""
    for row in csv.DictReader(file):
        row["StockCode"] = row["StockCode"].strip().upper()
        row["CustomerID"] = row["CustomerID"].removesuffix(".0")
        positive = int(row["Quantity"]) > 0 and float(row["UnitPrice"]) > 0
        if positive and row["CustomerID"] and row["StockCode"][:1].isdigit():
            yield row


def offer_one_less(trace, count):
    """One unit less for `count` codes that are spread evenly over those with 2 or more."""
    eligible = sorted(offer for offer, row in trace.offers.items() if row[3] >= 2)
    for index in range(count):
        trace.offers[eligible[index * len(eligible) // count]][3] -= 1


def main():
    parser = tracefiles.argument_parser(__doc__)
    parser.add_argument("--short-codes", type=int, default=0, metavar="N",
                        help="offer one unit less for N codes")
    parser.add_argument("--orders-max", type=int, default=0, metavar="N",
                        help="only the first N orders")
    options = parser.parse_args()

    trace = tracefiles.Trace()
    codes = {}
    orders = set()
    path, file = open_source(tracefiles.data_dir(options.data))
    with file:
        for row in clean_buys(file):
            order = (row["InvoiceNo"], row["CustomerID"])
            if options.orders_max and order not in orders and len(orders) == options.orders_max:
                continue
            orders.add(order)
            code = row["StockCode"]
            if code not in codes:
                name = tracefiles.product_name(row["Description"], code)
                price = tracefiles.minor_units(row["UnitPrice"])
                codes[code] = trace.offer(code[:2], f"Maker {code[:2]}", code, name, price, 0)
            placed_at = row["InvoiceDate"].replace(" ", "T") + "Z"
            trace.line(*order, codes[code], int(row["Quantity"]), placed_at)
    for offer, units in trace.ordered().items():
        trace.offers[offer][3] = units
    offer_one_less(trace, options.short_codes)
    print(f"source         {tracefiles.sha256(path)}  {path.name}")
    trace.write(options.out)


if __name__ == "__main__":
    main()
