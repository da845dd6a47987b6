"""A session of a manufacturer with the hub: docs/PROTOCOL.md, "Sync", without what it sells."""
import struct, sys, time
import msgpack, zmq  # Debian: python3-msgpack, python3-zmq

RECORD, HEAD, HELLO, WELCOME, ACK, ACCEPT, FETCH, SNAPSHOT, END, ERROR, ASK, ANSWER = range(1, 13)
HEADER = struct.Struct("<HBBIQQQQ")
NONE = 2**64 - 1  # no position yet
RAW = {"unicode_errors": "surrogateescape"}  # A string may also be a hash, so any bytes.


def unpack(body):
    return msgpack.unpackb(body, **RAW)


class Session:
    """Says HELLO until it is WELCOME, and again whenever something is lost."""

    def __init__(self, id, name, sync, in_, out):
        self.id, self.name, self.endpoint = id, name, sync
        self.heard = time.monotonic()
        self.sync, self.pub, self.sub = map(zmq.Context().socket, (zmq.DEALER, zmq.PUB, zmq.SUB))
        for socket, endpoint in ((self.sync, sync), (self.pub, in_), (self.sub, out)):
            socket.linger, socket.reconnect_ivl, socket.reconnect_ivl_max = 0, 20, 1000
            socket.immediate = socket is self.sync  # Nothing stale for a hub that comes back.
            socket.connect(endpoint)
        self.sub.subscribe(f"head/{id}/")
        self.sub.subscribe("cycle/")
        self.welcomed, self.due = False, {}
        self.cycle, self.feed = ["", 0, 0, 0], (0, 0)  # and data set, number: how far we know it
        self.asks, self.pieces = {}, []  # ticket -> question; the pieces of the answer that comes

    def send(self, type, epoch=0, from_=0, to=0, flags=0, body=b"", publish=False):
        header = HEADER.pack(0x5A53, 1, type, flags, epoch, from_, to, time.time_ns() // 1000)
        if publish:
            self.pub.send_multipart([f"offer/{self.id}/".encode(), header, body])
        try:
            self.sync.send(header + body, zmq.NOBLOCK)
        except zmq.Again:
            pass  # Nobody is there. Whatever matters is said again.

    def ask(self, *question):
        self.asks[time.time_ns()] = question

    def resting(self):
        return self.cycle[1] not in (1, 2, 3)  # neither collecting, open nor closing

    def is_due(self, what, seconds):
        """True at most once in so many seconds."""
        now = time.monotonic()
        if now < self.due.get(what, 0):
            return False
        self.due[what] = now + seconds
        return True

    def run(self):
        sys.stdout.reconfigure(line_buffering=True)
        poller = zmq.Poller()
        poller.register(self.sync, zmq.POLLIN)
        poller.register(self.sub, zmq.POLLIN)
        while True:
            for socket, _ in poller.poll(50):
                on = self.on_sync if socket is self.sync else self.on_published
                on(*socket.recv_multipart())
            silence = time.monotonic() - self.heard
            if silence > 6 and self.is_due("connect", 6):
                self.sync.disconnect(self.endpoint)
                self.sync.connect(self.endpoint)
            self.welcomed = self.welcomed and silence < 2
            if self.welcomed:
                self.on_tick()
                for ticket, question in self.asks.items():
                    if self.is_due(ticket, 1):
                        self.send(ASK, 0, ticket, body=msgpack.packb(question, **RAW))
            elif self.is_due("hello", 0.2):
                hello = ["manufacturer", self.id, self.name, *self.known()]
                self.send(HELLO, body=msgpack.packb(hello))

    def on_sync(self, frame):
        _, _, type, flags, epoch, from_, to, _ = HEADER.unpack_from(frame)
        body, self.heard = frame[HEADER.size:], time.monotonic()
        if type == ERROR:
            if flags == 2:
                sys.exit("refused: " + body.decode())
            self.welcomed = False
            self.due["hello"] = self.heard + (flags == 3)  # Another is connected: in a second.
        elif type == WELCOME and not self.welcomed:
            self.welcomed, self.due, self.feed = True, {}, (epoch, to)
            self.on_welcome(*unpack(body))
        elif type == ANSWER and from_ in self.asks:
            self.pieces = [body] if flags == 0 else self.pieces + [body]
            if len(self.pieces) == to:
                answer = b"".join(self.pieces)  # O or X, and a row or a problem
                self.on_answer(*self.asks.pop(from_)[:2], answer[:1], unpack(answer[1:]))
        elif self.welcomed:
            self.on_message(type, epoch, from_, to, body)

    def on_published(self, topic, header, body):
        _, _, type, _, epoch, from_, to, _ = HEADER.unpack(header)
        if topic.startswith(b"head/"):
            self.on_message(type, epoch, from_, to, body)
        elif epoch != self.feed[0] or from_ > self.feed[1] + 1:
            self.welcomed = False  # A gap; WELCOME has the cycle too.
        elif to > self.feed[1]:
            self.feed = (epoch, to)
            if type == RECORD:
                self.on_cycle(unpack(body))
