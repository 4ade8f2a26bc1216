"""Python's `websockets` behind TLS: a server that echoes.

usage: tls_server.py PORT CERTIFICATE KEY [--version 1.2|1.3] [--client-ca FILE]
"""

import argparse
import asyncio
import ssl

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosedError

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


async def echo(connection):
    try:
        async for message in connection:
            await connection.send(message)
    except ConnectionClosedError:
        pass


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("certificate")
    parser.add_argument("key")
    parser.add_argument("--version", choices=VERSIONS)
    parser.add_argument("--client-ca")
    args = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(args.certificate, args.key)
    if args.version:
        context.minimum_version = context.maximum_version = VERSIONS[args.version]
    if args.client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(args.client_ca)
    async with serve(echo, "127.0.0.1", args.port, ssl=context) as server:
        await server.serve_forever()


asyncio.run(main())
