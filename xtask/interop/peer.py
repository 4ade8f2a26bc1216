"""The Python side of `cargo xtask interop`: the library `websockets` as client and as server.

usage: peer.py server [--port N] [--log FILE] [--deflate PARAMETERS]
       peer.py client URL [--paths] [--log FILE] [--choosing URL] [--without SCENARIO]...

The server prints `listening on ws://ADDR` and does what the path says (see README.md); without
--deflate it doesn't compress. The client drives a server through the scenarios below; with --paths
also through those which need a server that knows the paths. With --log the client compares what that
server wrote down, too. --choosing is where the server chooses a subprotocol, if not at URL.

Each scenario gives one line of JSON. Exit status: 0 when all passed.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import time
import traceback
from urllib.parse import parse_qsl, urlsplit

from deflate import agreed, server_factory
from observed import records
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.frames import Opcode

MIB = 1 << 20
# Lengths at the borders of the three length fields (RFC 6455, section 5.2), and the default limit.
SIZES = [0, 1, 125, 126, 65535, 65536, MIB]
# Seconds for one scenario.
LIMIT = 60


def pattern(size):
    """`size` bytes of which no two neighbours, and no two blocks of 256, are equal."""
    return bytes((i * 7 + (i >> 8)) & 0xFF for i in range(size))


def letters(size):
    """Text of `size` bytes in UTF-8; from two bytes on, not only ASCII."""
    text = "é" + "".join(chr(97 + i % 26) for i in range(size - 2)) if size >= 2 else "a" * size
    assert len(text.encode()) == size
    return text


def frame(close):
    return None if close is None else {"code": close.code, "reason": close.reason}


def expect(got, wanted, what):
    if got != wanted:
        shorten = lambda value: value if len(repr(value)) < 200 else "%r… (%d)" % (value[:20], len(value))
        raise AssertionError("%s: got %s, wanted %s" % (what, shorten(got), shorten(wanted)))


# ------------------------------------------------------------------------------- server


class NotingPings(ServerConnection):
    """Keeps the payloads of the pings that it receives."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.pings = []

    def process_event(self, event):
        if getattr(event, "opcode", None) is Opcode.PING:
            self.pings.append(bytes(event.data).hex())
        super().process_event(event)


class Server:
    def __init__(self, log):
        self.log = log

    async def handle(self, ws):
        path = ws.request.path
        query = dict(parse_qsl(urlsplit(path).query, keep_blank_values=True))
        seen = {"path": path, "subprotocol": ws.subprotocol, "deflate": agreed(ws),
                "texts": 0, "binaries": 0, "bytes": 0}
        try:
            await self.greet(ws, urlsplit(path).path, query)
            if urlsplit(path).path == "/piecewise":
                await self.echo_pieces(ws, seen)
            async for message in ws:
                text = isinstance(message, str)
                seen["texts" if text else "binaries"] += 1
                seen["bytes"] += len(message.encode() if text else message)
                await ws.send(message)
        except ConnectionClosed:
            pass
        finally:
            await ws.wait_closed()
            seen["pings"] = ws.pings
            seen["rcvd"] = frame(ws.protocol.close_rcvd)
            seen["sent"] = frame(ws.protocol.close_sent)
            seen["rcvd_then_sent"] = ws.protocol.close_rcvd_then_sent
            print(json.dumps(seen), file=self.log, flush=True)

    async def echo_pieces(self, ws, seen):
        """Echoes each message piece by piece, as it arrives."""
        while True:
            text = False

            async def pieces():
                nonlocal text
                async for piece in ws.recv_streaming():
                    text = isinstance(piece, str)
                    seen["bytes"] += len(piece.encode() if text else piece)
                    yield piece

            await ws.send(pieces())
            seen["texts" if text else "binaries"] += 1

    async def greet(self, ws, path, query):
        """What the path asks for, before the echo begins."""
        if path == "/close":
            await ws.close(int(query["code"]), query.get("reason", ""))
        elif path == "/fragmented":
            size, count = int(query["size"]), int(query["fragments"])
            whole = letters(size) if query.get("type") == "text" else pattern(size)
            step = -(-len(whole) // count)
            await ws.send([whole[at:at + step] for at in range(0, len(whole), step)])
        elif path == "/ping":
            await (await ws.ping(query["payload"].encode()))
            await ws.send("pong " + query["payload"])
        elif path == "/big":
            await ws.send(pattern(int(query["size"])))
        elif path == "/subprotocol":
            await ws.send(str(ws.subprotocol))


async def run_server(port, log, deflate):
    def choose(ws, offered):
        # Without this, the library refuses a client that offers none.
        return next((name for name in offered if name in ("chat", "superchat")), None)

    handler = Server(log).handle
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    options = {"compression": None, "select_subprotocol": choose, "create_connection": NotingPings}
    if deflate is not None:
        options["extensions"] = [server_factory(deflate)]
    async with serve(handler, "127.0.0.1", port, **options) as server:
        address = server.sockets[0].getsockname()
        print("listening on ws://%s:%d" % address[:2], flush=True)
        await stop.wait()


# ------------------------------------------------------------------------------- client


class Client:
    def __init__(self, url, choosing, log):
        self.url = url.rstrip("/")
        self.choosing = choosing.rstrip("/")
        self.log = log
        self.opened = {}

    @contextlib.asynccontextmanager
    async def open(self, path, scenario, **options):
        mark = "&" if "?" in path else "?"
        base = self.choosing if "subprotocols" in options else self.url
        url = "%s%s%sscenario=%s" % (base, path, mark, scenario)
        options = {"compression": None, "proxy": None, "open_timeout": LIMIT, **options}
        async with connect(url, **options) as ws:
            self.opened[scenario] = ws
            yield ws

    async def both_saw_the_same(self):
        """Compares the close frames of all connections with those that the server wrote down."""
        opened, self.opened = self.opened, {}
        if self.log is None:
            return
        found = await asyncio.to_thread(records, self.log, set(opened))
        for scenario, ws in opened.items():
            if scenario not in found:
                raise AssertionError("the server wrote nothing down about %s" % scenario)
            record, sent, rcvd = found[scenario], ws.protocol.close_sent, ws.protocol.close_rcvd
            # Whoever fails a connection reads no further (RFC 6455, section 7.1.7).
            if not (rcvd is None and sent and sent.code == 1009):
                expect(record["sent"], frame(rcvd), scenario + ": the close frame of the server")
            if not (record["rcvd"] is None and rcvd and rcvd.code == 1009):
                expect(record["rcvd"], frame(sent), scenario + ": the close frame of the client")
            if record["rcvd"] is not None and rcvd is not None:
                order = ws.protocol.close_rcvd_then_sent
                expect(record["rcvd_then_sent"], not order, scenario + ": who closed first")

    async def seen(self, scenario):
        """What the server wrote down about the connection of this scenario; None without a log."""
        if self.log is None:
            return None
        found = await asyncio.to_thread(records, self.log, {scenario})
        if scenario not in found:
            raise AssertionError("the server wrote nothing down about %s" % scenario)
        return found[scenario]

    async def saw_close(self, scenario, rcvd, sent):
        record = await self.seen(scenario)
        if record is not None:
            expect(record["rcvd"], rcvd, "the close frame that the server received")
            expect(record["sent"], sent, "the close frame that the server sent")

    # -- with any server that echoes

    async def text(self):
        async with self.open("/echo", "text") as ws:
            for size in SIZES:
                await ws.send(letters(size))
                expect(await ws.recv(), letters(size), "text of %d bytes" % size)
            for text in ("\u20ac", "\U0001f980" * 1000, "\0", "\u07ff\uffff"):
                await ws.send(text)
                expect(await ws.recv(), text, "text")

    async def binary(self):
        async with self.open("/echo", "binary") as ws:
            for size in SIZES:
                await ws.send(pattern(size))
                expect(await ws.recv(), pattern(size), "binary of %d bytes" % size)
        record = await self.seen("binary")
        if record is not None:
            counts = [record["texts"], record["binaries"], record["bytes"]]
            expect(counts, [0, len(SIZES), sum(SIZES)], "what the server counted")

    async def fragmented_send(self):
        async with self.open("/echo", "fragmented_send") as ws:
            for pieces in (["a", "", "é", "b" * 70000], [b"a", b"", pattern(70000)], ["", ""]):
                await ws.send(pieces)
                expect(await ws.recv(), type(pieces[0])().join(pieces), "fragmented message")
            # A control frame in between (RFC 6455, section 5.4).
            pong = None

            async def pieces_and_ping():
                nonlocal pong
                yield "first "
                pong = await ws.ping(b"between")
                yield "second"

            await ws.send(pieces_and_ping())
            await pong
            expect(await ws.recv(), "first second", "message with a ping inside")

    async def ping_and_pong(self):
        async with self.open("/echo", "ping_and_pong") as ws:
            for payload in (b"", b"x", pattern(125)):
                await (await ws.ping(payload))
            await ws.pong(b"nobody asked")
            await ws.send("still there")
            expect(await ws.recv(), "still there", "text after a lone pong")

    async def many_messages(self):
        async with self.open("/echo", "many_messages") as ws:
            sizes = [(i * 37) % 3000 for i in range(2000)]

            async def send():
                for size in sizes:
                    await ws.send(pattern(size))

            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(send())
                for size in sizes:
                    expect(await ws.recv(), pattern(size), "one of many messages")

    async def close_by_client(self):
        for number, (code, reason) in enumerate([(4321, "au revoir, é"), (1000, ""), (1001, "r" * 123)]):
            scenario = "close_by_client_%d" % number
            async with self.open("/echo", scenario) as ws:
                await ws.close(code, reason)
            wanted = {"code": code, "reason": reason}
            expect(frame(ws.protocol.close_sent), wanted, "the close frame that was sent")
            answer = frame(ws.protocol.close_rcvd)
            expect(answer and answer["code"], code, "the code that the server answered")
            expect(ws.protocol.close_rcvd_then_sent, False, "that the server closed first")
            await self.saw_close(scenario, wanted, answer)

    async def over_the_limit(self):
        for number, message in enumerate([pattern(MIB + 1), [pattern(MIB), b"x"]]):
            scenario = "over_the_limit_%d" % number
            async with self.open("/echo", scenario) as ws:
                try:
                    await ws.send(message)
                    await ws.recv()
                except ConnectionClosedError as error:
                    expect(error.rcvd and error.rcvd.code, 1009, "the close code")
                    expect(error.sent and error.sent.code, 1009, "the answer to it")
                else:
                    raise AssertionError("a message over the limit was accepted")

    async def sequential(self):
        for number in range(500):
            async with self.open("/echo", "sequential_%d" % number) as ws:
                await ws.send(str(number))
                expect(await ws.recv(), str(number), "text of connection %d" % number)
            expect(ws.close_code, 1000, "close code of connection %d" % number)

    async def concurrent(self):
        meeting = asyncio.Barrier(200)

        async def one(number):
            async with self.open("/echo", "concurrent_%d" % number) as ws:
                await meeting.wait()
                for size in (1, 126, 65536):
                    message = bytes([number & 0xFF]) + pattern(size)
                    await ws.send(message)
                    expect(await ws.recv(), message, "binary of connection %d" % number)
            expect(ws.close_code, 1000, "close code of connection %d" % number)

        async with asyncio.TaskGroup() as tasks:
            for number in range(200):
                tasks.create_task(one(number))

    ECHO = [text, binary, fragmented_send, ping_and_pong, many_messages, close_by_client,
            over_the_limit, sequential, concurrent]

    # -- with a server that knows the paths

    async def fragmented_receive(self):
        for kind, whole in (("text", letters(70000)), ("binary", pattern(70000))):
            path = "/fragmented?size=70000&fragments=7&type=" + kind
            async with self.open(path, "fragmented_receive_" + kind) as ws:
                pieces = [piece async for piece in ws.recv_streaming()]
                expect(whole[:0].join(pieces), whole, "fragmented message")
                if len(pieces) < 7:
                    raise AssertionError("it came in %d fragments" % len(pieces))

    async def ping_by_server(self):
        async with self.open("/ping?payload=marco", "ping_by_server") as ws:
            expect(await ws.recv(), "pong marco", "what the server says about our pong")

    async def close_by_server(self):
        path = "/close?code=4002&reason=that%27s+all%2C+%C3%A9"
        wanted = {"code": 4002, "reason": "that's all, é"}
        async with self.open(path, "close_by_server") as ws:
            await ws.wait_closed()
        expect(frame(ws.protocol.close_rcvd), wanted, "the close frame that was received")
        expect(ws.protocol.close_rcvd_then_sent, True, "that the server closed first")
        await self.saw_close("close_by_server", frame(ws.protocol.close_sent), wanted)

    async def over_our_limit(self):
        async with self.open("/big?size=1001", "over_our_limit", max_size=1000) as ws:
            try:
                await ws.recv()
            except ConnectionClosedError as error:
                expect(error.sent and error.sent.code, 1009, "the close code that was sent")
            else:
                raise AssertionError("a message over the limit was accepted")
        record = await self.seen("over_our_limit")
        if record is not None:
            expect(record["rcvd"] and record["rcvd"]["code"], 1009, "the code that the server received")

    async def piecewise(self):
        """The echo of a piece arrives before the next piece is sent."""
        async with self.open("/piecewise", "piecewise") as ws:
            for whole in (["first, ", "sécond, ", "third"], [b"1", b"2" * 70000, b"3"]):
                echoed = asyncio.Queue()

                async def pieces():
                    for piece in whole:
                        yield piece
                        got = piece[:0]
                        while len(got) < len(piece):
                            got += await echoed.get()
                        expect(got, piece, "the echo of a piece")

                async def receive():
                    async for piece in ws.recv_streaming():
                        echoed.put_nowait(piece)

                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(ws.send(pieces()))
                    tasks.create_task(receive())
        record = await self.seen("piecewise")
        if record is not None:
            counts = [record["texts"], record["binaries"], record["bytes"]]
            expect(counts, [1, 1, 21 + 70002], "what the server counted")

    async def subprotocol(self):
        for number, (offered, chosen) in enumerate([(["superchat"], "superchat"), (["chat", "x"], "chat")]):
            async with self.open("/subprotocol", "subprotocol_%d" % number, subprotocols=offered) as ws:
                expect(ws.subprotocol, chosen, "the subprotocol")
                expect(await ws.recv(), chosen, "the subprotocol that the server sees")
        async with self.open("/subprotocol", "no_subprotocol") as ws:
            expect(ws.subprotocol, None, "the subprotocol")
            expect(await ws.recv(), "None", "the subprotocol that the server sees")

    PATHS = [fragmented_receive, piecewise, ping_by_server, close_by_server, over_our_limit,
             subprotocol]


async def run_client(args):
    client = Client(args.url, args.choosing or args.url, args.log)
    failed = 0
    for scenario in Client.ECHO + (Client.PATHS if args.paths else []):
        if scenario.__name__ in args.without:
            continue
        line = {"scenario": "python_" + scenario.__name__, "ok": True}
        start = time.monotonic()
        try:
            async with asyncio.timeout(LIMIT):
                await scenario(client)
                await client.both_saw_the_same()
        except TimeoutError:
            line.update(ok=False, error="took longer than %d s" % LIMIT)
        except Exception as error:
            line.update(ok=False, error="%s: %s" % (type(error).__name__, error))
            traceback.print_exc()
        # A failed scenario is no affair of the next one.
        client.opened.clear()
        line["seconds"] = round(time.monotonic() - start, 2)
        failed += not line["ok"]
        print(json.dumps(line, ensure_ascii=False), flush=True)
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser()
    roles = parser.add_subparsers(dest="role", required=True)
    server = roles.add_parser("server")
    server.add_argument("--port", type=int, default=0)
    server.add_argument("--log")
    server.add_argument("--deflate")
    client = roles.add_parser("client")
    client.add_argument("url")
    client.add_argument("--paths", action="store_true")
    client.add_argument("--log")
    client.add_argument("--choosing")
    client.add_argument("--without", action="append", default=[])
    args = parser.parse_args()
    if args.role == "server":
        log = open(args.log, "w") if args.log else sys.stdout
        asyncio.run(run_server(args.port, log, args.deflate))
    else:
        sys.exit(asyncio.run(run_client(args)))


if __name__ == "__main__":
    main()
