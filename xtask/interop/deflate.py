"""Compression, on the Python side: `websockets` with chosen parameters, and a client with much to send.

usage: deflate.py URL PARAMETERS

The client offers permessage-deflate with PARAMETERS, such as "server_max_window_bits=9;
client_no_context_takeover", sends 10,000 messages and expects the echo of each. It prints one line of
JSON (see README.md). Exit status: 0 when everything came back.
"""

import asyncio
import json
import random
import sys
import time

from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory, PerMessageDeflate, ServerPerMessageDeflateFactory)

COUNT = 10_000
# The limit of all sides.
MIB = 1 << 20
# Random bytes get longer when they are compressed, and some libraries apply the limit to that, too.
LARGE = MIB - 4096
# Seconds for everything.
LIMIT = 120


def parameters(text):
    """The arguments of the factories that stand for PARAMETERS."""
    pairs = [part.strip().partition("=") for part in text.split(";") if part.strip()]
    return {name: int(value) if value else True for name, _, value in pairs}


def client_factory(text):
    return ClientPerMessageDeflateFactory(**{"client_max_window_bits": True, **parameters(text)})


def server_factory(text):
    return ServerPerMessageDeflateFactory(**parameters(text))


def agreed(ws):
    """What was negotiated, as this library sees it; None: no compression."""
    for extension in ws.protocol.extensions:
        if isinstance(extension, PerMessageDeflate):
            ours, theirs = ("local", "remote")
            server, client = (theirs, ours) if ws.protocol.side.name == "CLIENT" else (ours, theirs)
            return {
                "server_max_window_bits": getattr(extension, server + "_max_window_bits"),
                "client_max_window_bits": getattr(extension, client + "_max_window_bits"),
                "server_no_context_takeover": getattr(extension, server + "_no_context_takeover"),
                "client_no_context_takeover": getattr(extension, client + "_no_context_takeover"),
            }


def messages():
    """JSON, random bytes, and text of up to four bytes a character, in turns; the sizes are spread
    evenly over the powers of two up to 64 KiB, and four are nearly 1 MiB (text: less)."""
    chance = random.Random(1)
    records = []
    while sum(map(len, records)) < MIB + 65536:
        records.append('{"id": %d, "name": "user %d", "tags": ["a", "b"], "score": %.3f},\n' % (
            len(records), chance.randrange(1000), chance.random()))
    words = ["Größe", "naïve ", "日本語", "привет ", "🦀🚀", "plain words ", "— ", "٣٤٥"]
    bases = ["".join(records), chance.randbytes(MIB + 65536),
             "".join(chance.choices(words, k=MIB // 6))]
    for number in range(COUNT):
        size = int(65536 ** chance.random()) - 1
        if number % 2500 == 1249:
            size = LARGE
        elif number % 1000 < 2:
            size = [0, 65536][number % 1000]
        base = bases[number % 3]
        size //= 1 + number % 3 // 2 * 2
        start = chance.randrange(len(base) - size)
        yield base[start:start + size]


def pieces(number, message):
    """Some messages are sent in fragments."""
    third = len(message) // 3
    return [message[:third], message[third:third], message[third:]] if number % 97 == 0 else message


async def run(url, params):
    line = {"scenario": "python_deflate", "ok": True, "messages": COUNT, "bytes": 0}
    sent = list(messages())
    start = time.monotonic()
    extensions = [client_factory(params)]
    options = {"compression": None, "extensions": extensions, "proxy": None, "max_size": MIB}
    async with asyncio.timeout(LIMIT), connect(url, **options) as ws:
        line["deflate"] = agreed(ws)

        async def send():
            for number, message in enumerate(sent):
                await ws.send(pieces(number, message))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(send())
            for number, message in enumerate(sent):
                if await ws.recv() != message:
                    raise AssertionError("the echo of message %d is another" % number)
                line["bytes"] += len(message.encode() if isinstance(message, str) else message)
    line["seconds"] = round(time.monotonic() - start, 2)
    return line


def main():
    url, params = sys.argv[1:]
    try:
        line = asyncio.run(run(url, params))
    except Exception as error:
        line = {"scenario": "python_deflate", "ok": False, "error": repr(error)}
    print(json.dumps(line, ensure_ascii=False))
    sys.exit(0 if line["ok"] else 1)


if __name__ == "__main__":
    main()
