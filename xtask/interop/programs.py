"""Runs our programs as a person or a script would, and compares what they print and how they end.

usage: programs.py CLIENT ECHO_SERVER

CLIENT and ECHO_SERVER are the examples `client` and `echo_server`. The servers that treat the client
badly are here. Each scenario gives one line of JSON. Exit status: 0 when all passed.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
import signal
import socket
import struct
import sys
import time
import traceback

from deflate import agreed, client_factory
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

# Seconds for one scenario.
LIMIT = 60


def expect(got, wanted, what):
    if got != wanted:
        shorten = lambda value: "%.500r" % (value,)
        raise AssertionError("%s: got %s, wanted %s" % (what, shorten(got), shorten(wanted)))


class Finished:
    """How a program ended."""

    def __init__(self, status, stdout, stderr):
        self.status, self.stdout, self.stderr = status, stdout.decode(), stderr.decode()

    def refused(self, status, line, stdout=""):
        """Expects this status, this one line on standard error, and this output."""
        expect((self.status, self.stderr, self.stdout), (status, line + "\n", stdout),
               "exit status, standard error and standard output")


# The programs of the scenario that runs.
STARTED = []


async def start(*command):
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    STARTED.append(process)
    return process


async def end_all():
    """Ends what a failed scenario has left."""
    for process in STARTED:
        if process.returncode is None:
            process.kill()
            await process.wait()
    STARTED.clear()


async def end(process, input=None):
    """Waits for the end; with `input`, standard input ends after it, without, it stays open."""
    if input is not None:
        stdout, stderr = await process.communicate(input.encode())
    else:
        stdout, stderr = await asyncio.gather(process.stdout.read(), process.stderr.read())
        await process.wait()
    return Finished(process.returncode, stdout, stderr)


def closed_port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


async def raw_server(behave):
    """A server that reads a request and then does `behave(request, reader, writer)`; its port."""
    async def handle(reader, writer):
        try:
            await behave(await reader.readuntil(b"\r\n\r\n"), reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


def accept(request):
    """The response that opens the connection."""
    lines = request.decode().split("\r\n")
    key = next(line.split(": ")[1] for line in lines if line.lower().startswith("sec-websocket-key:"))
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    return ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: %s\r\n\r\n" % base64.b64encode(digest).decode()).encode()


def reset(writer):
    """Ends the connection with RST."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                               struct.pack("ii", 1, 0))
    writer.transport.abort()


class Scenarios:
    def __init__(self, client, echo_server):
        self.client, self.echo_server = client, echo_server

    async def run_client(self, *args):
        """Runs the client with standard input that stays open: the end has to come by itself."""
        return await end(await start(self.client, *args))

    async def serving(self, *args):
        """Starts the echo server; the process and its address."""
        process = await start(self.echo_server, *args)
        line = (await process.stdout.readline()).decode()
        ready = "listening on ws://"
        expect(line[:len(ready)], ready, "the first line of the server")
        return process, line[len(ready):].rstrip("\n")

    async def stopped(self, process, failures=()):
        """Asks the server to stop, and expects it to do so in peace, after it has reported these failures."""
        process.send_signal(signal.SIGTERM)
        finished = await end(process)
        expect((finished.status, finished.stdout), (0, ""), "the end of the server")
        reports = finished.stderr.splitlines()
        expect(len(reports), len(failures), "the number of reports in " + finished.stderr)
        for report, failure in zip(reports, failures):
            expect(failure in report, True, "%r in %r" % (failure, report))

    # -- client

    async def client_lines_in_echoes_out(self):
        server, address = await self.serving("127.0.0.1:0")
        lines = ["hello", "", "é \U0001f980", "tab\there", "x" * 10_000, "the end"]
        shown = [line.replace("\t", "\\t") for line in lines]
        process = await start(self.client, "ws://%s/" % address)
        finished = await end(process, "\n".join(lines) + "\n")
        expect(finished.stdout.split("\n"), shown + [""], "the echoes")
        expect((finished.status, finished.stderr), (0, ""), "exit status and standard error")
        # The last line needs no end.
        finished = await end(await start(self.client, "ws://%s/" % address), "one\ntwo")
        expect(finished.stdout, "one\ntwo\n", "the echoes")
        expect((finished.status, finished.stderr), (0, ""), "exit status and standard error")
        await self.stopped(server)

    async def closing(self, code, reason):
        async def handle(ws):
            await ws.send("bye")
            await ws.close(code, reason)

        async with serve(handle, "127.0.0.1", 0) as server:
            url = "ws://127.0.0.1:%d/" % server.sockets[0].getsockname()[1]
            return await self.run_client(url)

    async def client_closed_with_an_error(self):
        finished = await self.closing(4002, "that's all, é\x1b[31m")
        line = "client: received 4002 (private use) that's all, é\\u{1b}[31m; " \
            "then sent 4002 (private use) that's all, é\\u{1b}[31m"
        finished.refused(1, line, "bye\n")
        finished = await self.closing(1011, "")
        line = "client: received 1011 (internal error); then sent 1011 (internal error)"
        finished.refused(1, line, "bye\n")

    async def client_closed_properly(self):
        for code in (1000, 1001):
            finished = await self.closing(code, "that was it")
            expect((finished.status, finished.stderr, finished.stdout), (0, "", "bye\n"), "the end")

    async def badly_treated(self, behave):
        server, port = await raw_server(behave)
        async with server:
            finished = await self.run_client("ws://127.0.0.1:%d/" % port)
        # The error names where it came from.
        at = "client: cannot connect to ws://127.0.0.1:%d/ at 127.0.0.1:%d: " % (port, port)
        return at, finished

    async def client_refused(self):
        async def refuse(request, reader, writer):
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nnot you!\n")
            await writer.drain()

        at, finished = await self.badly_treated(refuse)
        finished.refused(1, at + "server rejected WebSocket connection: HTTP 403 (Forbidden)")

    async def client_nobody_there(self):
        port = closed_port()
        finished = await self.run_client("ws://127.0.0.1:%d/" % port)
        at = "client: cannot connect to ws://127.0.0.1:%d/: 127.0.0.1:%d: " % (port, port)
        finished.refused(1, at + "Connection refused (os error 111)")

    async def client_no_http(self):
        async def mail(request, reader, writer):
            writer.write(b"220 mail.example ESMTP\r\n")
            await writer.drain()

        at, finished = await self.badly_treated(mail)
        what = 'received "220 mail.example ESMTP", which looks like SMTP or FTP'
        finished.refused(1, at + "did not receive a valid HTTP response (%s)" % what)

    async def client_hung_up(self):
        async def hang_up(request, reader, writer):
            pass

        at, finished = await self.badly_treated(hang_up)
        what = "unexpected end of stream"
        finished.refused(1, at + "did not receive a valid HTTP response (%s)" % what)

    async def client_reset_inside_a_frame(self):
        async def tear(request, reader, writer):
            # A text frame of 100 bytes of which 5 come.
            writer.write(accept(request) + b"\x81\x05whole" + b"\x81\x64torn ")
            await writer.drain()
            # The client has seen what came before when it says something.
            await reader.readexactly(1)
            reset(writer)

        server, port = await raw_server(tear)
        async with server:
            process = await start(self.client, "ws://127.0.0.1:%d/" % port)
            expect(await process.stdout.readline(), b"whole\n", "the message before")
            process.stdin.write(b"hello\n")
            finished = await end(process)
        what = "Connection reset by peer (os error 104)"
        finished.refused(1, "client: no close frame received or sent (%s)" % what)

    async def client_bad_arguments(self):
        (await self.run_client()).refused(2, "usage: client URL")
        (await self.run_client("ws://127.0.0.1/", "more")).refused(2, "usage: client URL")
        finished = await self.run_client("http://127.0.0.1/")
        what = "scheme isn't ws or wss (did you mean ws://127.0.0.1/?)"
        finished.refused(1, "client: http://127.0.0.1/ isn't a valid URI: " + what)
        finished = await self.run_client("ws://127.0.0.1/#part")
        finished.refused(1, "client: ws://127.0.0.1/#*** isn't a valid URI: fragment identifier is meaningless")
        finished = await self.run_client("ws://")
        finished.refused(1, "client: ws:// isn't a valid URI: hostname isn't provided")

    async def client_secure(self):
        async def end(reader, writer):
            await reader.read(1)
            writer.close()

        server = await asyncio.start_server(end, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            finished = await self.run_client("wss://127.0.0.1:%d/" % port)
        expect((finished.status, finished.stdout), (1, ""), "exit status and standard output")
        at = "client: cannot connect to wss://127.0.0.1:%d/ at 127.0.0.1:%d: " % (port, port)
        expect(finished.stderr[:len(at)], at, "the line")
        expect("the TLS handshake failed" in finished.stderr, True, "the reason in " + finished.stderr)

    # -- echo_server

    async def server_address_in_use(self):
        server, address = await self.serving("127.0.0.1:0")
        finished = await end(await start(self.echo_server, address))
        what = "cannot listen on %s: Address already in use (os error 98)" % address
        finished.refused(1, "echo_server: " + what)
        await self.stopped(server)

    async def server_bad_arguments(self):
        for args, line in [
            (["--no-such-option"], "invalid option '--no-such-option'"),
            (["--threads", "0"], "--threads must be at least 1"),
            (["--threads", "many"], 'cannot parse argument "many": invalid digit found in string'),
            (["--max-size", "-1"], 'cannot parse argument "-1": invalid digit found in string'),
            (["--ping-interval", "-1"], "cannot convert float seconds to Duration: value is negative"),
            (["--deflate-level", "10"], "compression level must be between 0 and 9"),
            (["--deflate-window-bits", "7"], "window bits must be between 8 and 15"),
            (["--max-fragments"], "missing argument for option '--max-fragments'"),
            (["127.0.0.1:0", "127.0.0.1:0"], 'unexpected argument "127.0.0.1:0"'),
        ]:
            finished = await end(await start(self.echo_server, *args))
            finished.refused(2, "echo_server: " + line)

    async def server_compresses_as_told(self):
        for options, wanted in [
            ([], (12, 12, False, False)),
            (["--deflate-window-bits", "9"], (9, 12, False, False)),
            (["--deflate-window-bits", "15", "--no-context-takeover"], (15, 12, True, True)),
            (["--deflate-level", "0"], (12, 12, False, False)),
            (["--no-compression"], None),
        ]:
            server, address = await self.serving("127.0.0.1:0", *options)
            url, factories = "ws://%s/" % address, [client_factory("")]
            async with connect(url, proxy=None, compression=None, extensions=factories) as ws:
                got = agreed(ws)
                expect(got and tuple(got.values()), wanted, "what was agreed on with %s" % options)
                await ws.send("hello " * 1000)
                expect(await ws.recv(), "hello " * 1000, "the echo")
            await self.stopped(server)

    async def server_bad_address(self):
        finished = await end(await start(self.echo_server, "127.0.0.1:port"))
        expect((finished.status, finished.stdout), (1, ""), "exit status and standard output")
        expect(finished.stderr.count("\n"), 1, "the number of lines of " + finished.stderr)
        line = "echo_server: cannot resolve the host: 127.0.0.1:port: "
        expect(finished.stderr[:len(line)], line, "the line")

    async def server_terminated(self):
        for options in ([], ["--threads", "1"]):
            server, address = await self.serving("127.0.0.1:0", *options)
            url = "ws://%s/" % address
            async with connect(url, proxy=None) as idle, connect(url, proxy=None) as busy:
                await busy.send("hello")
                expect(await busy.recv(), "hello", "the echo")
                server.send_signal(signal.SIGTERM)
                finished = await end(server)
                for ws in (idle, busy):
                    await ws.wait_closed()
                    expect((ws.close_code, ws.close_reason), (1001, ""), "the close frame")
                    expect(ws.protocol.close_rcvd_then_sent, True, "that the server closed first")
            expect((finished.status, finished.stdout, finished.stderr), (0, "", ""), "the end")

    async def server_stops_client(self):
        server, address = await self.serving("127.0.0.1:0")
        process = await start(self.client, "ws://%s/" % address)
        process.stdin.write(b"hello\n")
        expect(await process.stdout.readline(), b"hello\n", "the echo")
        await self.stopped(server)
        finished = await end(process)
        expect((finished.status, finished.stdout, finished.stderr), (0, "", ""), "the end of the client")

    async def server_obeys_its_limits(self):
        server, address = await self.serving("127.0.0.1:0", "--max-size", "10", "--max-fragments", "3")
        # The library ends each of these with an empty fragment of its own.
        for message in ("x" * 11, ["a", "b", "c"]):
            async with connect("ws://%s/" % address, proxy=None) as ws:
                for allowed in ("x" * 10, ["a", "b"]):
                    await ws.send(allowed)
                    expect(await ws.recv(), "".join(allowed), "the echo")
                with contextlib.suppress(ConnectionClosed):
                    await ws.send(message)
                    await ws.recv()
                expect(ws.close_code, 1009, "the code of %r" % message)
        await self.stopped(server, ["exceeds limit of 10 bytes", "exceeds limit of 3 frames"])


async def run(client, echo_server):
    scenarios = Scenarios(client, echo_server)
    names = [name for name in vars(Scenarios) if name.startswith(("client_", "server_"))]
    failed = 0
    for name in names:
        line = {"scenario": "program_" + name, "ok": True}
        start = time.monotonic()
        try:
            async with asyncio.timeout(LIMIT):
                await getattr(scenarios, name)()
        except TimeoutError:
            line.update(ok=False, error="took longer than %d s" % LIMIT)
        except Exception as error:
            line.update(ok=False, error="%s: %s" % (type(error).__name__, error))
            traceback.print_exc()
        await end_all()
        line["seconds"] = round(time.monotonic() - start, 2)
        failed += not line["ok"]
        print(json.dumps(line, ensure_ascii=False), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(run(*sys.argv[1:])))
