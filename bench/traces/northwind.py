#!/usr/bin/env python3
"""Turns Microsoft's Northwind sample into a catalogue and an order trace for `depot replay`.

  bench/traces/northwind.py --out /tmp/northwind                     stock on hand
  bench/traces/northwind.py --out /tmp/northwind --stock exact       each product's exact total

29 suppliers are the manufacturers, products.unitPrice is the one price of an offer. With the stock
on hand (3,119 units) most of the 51,317 units ordered must be refused; with `exact` all are sold.
"""

import csv

import tracefiles


def rows_of(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def main():
    parser = tracefiles.argument_parser(__doc__)
    parser.add_argument("--stock", choices=["onhand", "exact"], default="onhand")
    options = parser.parse_args()
    source = tracefiles.data_dir(options.data) / "northwind"

    trace = tracefiles.Trace()
    suppliers = {row["supplierID"]: row["companyName"] for row in rows_of(source / "suppliers.csv")}
    offers = {}
    for row in rows_of(source / "products.csv"):
        offers[row["productID"]] = trace.offer(
            f"supplier-{row['supplierID']}",
            tracefiles.product_name(suppliers[row["supplierID"]], row["supplierID"]),
            row["productID"],
            tracefiles.product_name(row["productName"], row["productID"]),
            tracefiles.minor_units(row["unitPrice"]),
            int(row["unitsInStock"]),
        )
    orders = {row["orderID"]: row for row in rows_of(source / "orders.csv")}
    for row in rows_of(source / "order_details.csv"):
        order = orders[row["orderID"]]
        placed_at = order["orderDate"][:10] + "T" + order["orderDate"][11:19] + "Z"
        offer = offers[row["productID"]]
        trace.line(row["orderID"], order["customerID"], offer, int(row["quantity"]), placed_at)
    if options.stock == "exact":
        for offer, units in trace.ordered().items():
            trace.offers[offer][3] = units
    for name in ("suppliers", "products", "orders", "order_details"):
        print(f"source         {tracefiles.sha256(source / (name + '.csv'))}  {name}.csv")
    trace.write(options.out)


if __name__ == "__main__":
    main()
