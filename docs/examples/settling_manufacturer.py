#!/usr/bin/python3
"""A manufacturer, by docs/PROTOCOL.md, "Sync". Keeps nothing: each start is a new agent epoch.
usage: settling_manufacturer.py ID NAME SYNC_ENDPOINT IN_ENDPOINT OUT_ENDPOINT
           SKU:NAME:PRICE:OFFERED..."""
import hashlib, sys, time, msgpack
from ledger import CYCLE, OFFER, SETTLED, SETTLING, SOLD, Ledger, rows_of
from session import ACK, END, FETCH, HEAD, NONE, RECORD, Session, unpack

class Manufacturer(Session):
    offers = [[sku, name, int(price), int(units)] for sku, name, price, units in
              (text.split(":") for text in sys.argv[6:])]  # price in minor units, units a cycle
    store, ledger, head, caught_up = "", Ledger(), (0, 0), False
    epoch, made, records = 0, 0, {}  # number -> flags, body: of what is not acknowledged

    def known(self):  # HELLO says it.
        agent = (self.epoch, self.made) if self.epoch else (None, None)
        return *agent, *(self.ledger.position() if self.ledger.entries else (None, None))

    def on_welcome(self, store, cycle, epoch, last, *head):
        acknowledged = min(self.records, default=self.made + 1) - 1
        unfit = epoch > self.epoch or store != self.store or (epoch < self.epoch and acknowledged)
        if unfit or (epoch == self.epoch and not acknowledged <= last <= self.made):
            self.epoch = max(epoch + 1, self.epoch + 1, time.time_ns() // 1_000_000)
            self.made, self.records, self.cycle = 0, {}, ["", 0, 0, 0]  # All is stated again.
        if store != self.store:
            self.store, self.ledger, self.asks = store, Ledger(), {}
        self.head = tuple(head)
        self.on_cycle(cycle)

    def on_cycle(self, cycle):
        other, self.cycle = cycle[0] != self.cycle[0], cycle
        if self.resting() or not other:
            return
        for first in range(0, max(len(self.offers), 1), 200):  # Without offers: without rows.
            self.made += 1
            rows, more = sum(self.offers[first:first + 200], []), first + 200 < len(self.offers)
            self.records[self.made] = int(more), msgpack.packb([cycle[0], rows])

    def on_tick(self):
        if self.is_due("head", 0.5):
            self.send(HEAD, self.epoch, self.made + 1, self.made, publish=True)
        if self.records and not self.resting() and self.is_due("records", 0.3):
            for number, (flags, body) in list(self.records.items())[:32]:
                self.send(RECORD, self.epoch, number, number, flags, body, publish=True)
        epoch, number = self.ledger.position()
        if (epoch, number) < self.head and self.is_due("fetch", 2):
            self.send(FETCH, epoch, number + 1 if self.ledger.entries else NONE)

    def on_message(self, type, epoch, from_, to, body):
        if type == ACK and epoch == self.epoch:
            self.records = {n: record for n, record in self.records.items() if n > to}
        elif type == FETCH:  # If it lacks what it had acknowledged: HELLO.
            self.due["records"], self.welcomed = 0, from_ in self.records
        elif type == HEAD:
            self.head = max(self.head, (epoch, to))
        elif type == RECORD and self.ledger.add((epoch, to), *unpack(body)):
            self.on_entry(*self.ledger.entries[-1])
        elif type == END:  # A head that is higher is no more.
            self.head, self.due["fetch"], self.caught_up = self.ledger.position(), 0, True
            print("left:", self.ledger.left(self.cycle[0]))

    def on_entry(self, at, kind, cycle, flat):
        if kind == CYCLE and flat[1] == SETTLING:  # The statement is there.
            self.ask("statement", cycle)
        elif kind == CYCLE and flat[1] == SETTLED:
            self.asks = {ticket: ask for ticket, ask in self.asks.items() if ask[1] != cycle}
        elif kind != OFFER and self.caught_up:
            for order, sku, units, *_ in rows_of(kind, flat):
                print("sold" if kind == SOLD else "cancelled", f"{units} x {sku}, order {order}")

    def on_answer(self, verb, cycle, good, row):
        if verb != "statement" or not row or good != b"O":
            return print(verb, cycle, "done" if good == b"O" else row)
        theirs, agrees = row[:2]  # theirs: hash, units, gross, fee rate, fee, net...
        text = self.ledger.statement(cycle, self.id, theirs[8], theirs[3])
        same = hashlib.sha256(text.encode()).digest() == theirs[0].encode(errors="surrogateescape")
        print(f"cycle {cycle}, net {theirs[5]}:", "we agree" if same else f"we do not\n{text}")
        if agrees != same:
            self.ask("agree", cycle, theirs[0], int(same), "" if same else "another sum")

Manufacturer(*sys.argv[1:6]).run()
