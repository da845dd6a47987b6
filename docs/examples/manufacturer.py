#!/usr/bin/python3
"""The least that a manufacturer must do, by docs/PROTOCOL.md, "Sync": it states its offers, for
each cycle anew, and hears of its sales. It keeps nothing, so each start is a new agent epoch;
settling_manufacturer.py settles, too.

usage: manufacturer.py ID NAME SYNC_ENDPOINT OUT_ENDPOINT SKU:NAME:PRICE:UNITS...  (by "Sockets")
"""
import struct, sys, time
import msgpack, zmq  # Debian: python3-msgpack, python3-zmq

HEADER = struct.Struct("<HBBIQQQQ")  # magic, version, type, flags, epoch, from, to, time
RECORD, HEAD, HELLO, WELCOME, ACK, FETCH, END, ERROR = 1, 2, 3, 4, 5, 7, 9, 10
NO_POSITION, MORE, SOLD, CANCELLED = 2**64 - 1, 1, 2, 3
if len(sys.argv) < 5: sys.exit(__doc__)
ident, title, sync_endpoint, out_endpoint = sys.argv[1:5]
offers = [(sku, name, int(price), int(units))  # price in minor units, units of a whole cycle
          for sku, name, price, units in (text.split(":") for text in sys.argv[5:])]
sync, out = zmq.Context.instance().socket(zmq.DEALER), zmq.Context.instance().socket(zmq.SUB)
sync.connect(sync_endpoint)
out.connect(out_endpoint), out.subscribe("cycle/")
store, cycle, epoch, made, records = "", "", 0, 0, {}  # records: not acknowledged, by number
position, head, welcomed, heard, due = None, (0, 0), False, time.monotonic(), {}

def say(kind, epoch=0, first=0, last=0, flags=0, body=b""):
    sync.send(HEADER.pack(0x5A53, 1, kind, flags, epoch, first, last, 0) + body)

def is_due(what, seconds):
    if time.monotonic() < due.get(what, 0):
        return False
    due[what] = time.monotonic() + seconds
    return True

while True:
    if (time.monotonic() - heard > 2 or not welcomed) and is_due("hello", 0.5):
        agent = (epoch, made) if epoch else (None, None)
        say(HELLO, body=msgpack.packb(
            ["manufacturer", ident, title, *agent, *(position or (None, None))]))
    if welcomed and epoch and is_due("head", 0.5):
        say(HEAD, epoch, made + 1, made)
    if welcomed and records and is_due("records", 0.3):  # What is not acknowledged, again.
        for number, (flags, body) in list(records.items())[:32]:
            say(RECORD, epoch, number, number, flags, body)
    if welcomed and (position or (0, 0)) < head and is_due("fetch", 2):
        say(FETCH, *((position[0], position[1] + 1) if position else (0, NO_POSITION)))
    if out.poll(0) and out.recv_multipart():
        welcomed = False  # The cycle may be another one: WELCOME says.
    if not sync.poll(100):
        continue
    frame, heard = sync.recv(), time.monotonic()
    _, _, kind, flags, of_epoch, first, last, _ = HEADER.unpack_from(frame)
    body = frame[HEADER.size:]
    if kind == ERROR:
        print("the hub says:", body.decode(), flush=True)
        welcomed, due["hello"] = False, time.monotonic() + (0 if flags == 1 else 1)
    elif kind == WELCOME:
        now_store, now, known, known_last, *head_now = msgpack.unpackb(body)
        welcomed, head = True, max(head, tuple(head_now))
        if epoch < known or (epoch == known and known_last > made) or store != now_store:
            epoch, made, records, cycle = max(known + 1, time.time_ns() // 1_000_000), 0, {}, ""
            position, head = position if store == now_store else None, tuple(head_now)
        store = now_store
        if now[0] != cycle and now[1] in (1, 2):  # collecting, open
            cycle, chunks = now[0], range(0, max(len(offers), 1), 200)
            for begin in chunks:
                made += 1
                rows = [value for offer in offers[begin:begin + 200] for value in offer]
                records[made] = MORE if begin != chunks[-1] else 0, msgpack.packb([cycle, rows])
    elif kind == ACK and of_epoch == epoch:
        records = {number: one for number, one in records.items() if number > last}
    elif kind == HEAD:
        head = max(head, (of_epoch, last))
    elif kind == END:
        head = position or (0, 0)
    elif kind == RECORD and (last == 0 or position == (of_epoch, last - 1)):
        position = of_epoch, last
        entry, _, _, rows = msgpack.unpackb(body)
        width = {SOLD: 5, CANCELLED: 7}.get(entry)
        for i in range(0, len(rows) if width else 0, width or 1):
            print("sold" if entry == SOLD else "cancelled",
                  f"{rows[i + 2]} x {rows[i + 1]}, order {rows[i]}", flush=True)
