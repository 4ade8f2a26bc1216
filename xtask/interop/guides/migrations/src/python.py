"""A server that shouts back what it hears, and a client that talks to it."""

import asyncio
import http
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosedError, InvalidStatus


async def shout(ws):
    try:
        async for message in ws:
            if isinstance(message, str):
                await ws.send(message.upper())
            else:
                await ws.send(message[::-1])
    except ConnectionClosedError as error:
        # The client has closed with another code than 1000 or 1001, or is lost.
        if error.rcvd is None:
            raise
    print_end(ws)


def check(ws, request):
    if request.headers.get("Authorization") != "Bearer secret":
        return ws.respond(http.HTTPStatus.UNAUTHORIZED, "Who are you?\n")


async def talk(url, token):
    headers = {"Authorization": f"Bearer {token}"}
    try:
        ws = await connect(url, subprotocols=["shout"], additional_headers=headers)
    except InvalidStatus as error:
        print("refused:", error.response.status_code)
        return
    print("subprotocol:", ws.subprotocol)

    await ws.send("hello")
    await ws.send(bytes([1, 2, 3]))
    for _ in range(2):
        message = await ws.recv()
        print(message if isinstance(message, str) else list(message))
    await (await ws.ping())
    print("pong")
    # Waits for the answer of the server.
    await ws.close(4000, "done")
    print_end(ws)


def print_end(ws):
    print("closed:", ws.close_code, ws.close_reason, flush=True)


async def main():
    if len(sys.argv) == 3:
        await talk(*sys.argv[1:])
        return
    async with serve(shout, "127.0.0.1", 0, subprotocols=["shout"], process_request=check) as server:
        host, port = server.sockets[0].getsockname()
        print(f"listening on ws://{host}:{port}/", flush=True)
        await server.serve_forever()


asyncio.run(main())
