#!/usr/bin/env python3
"""Relays TCP from a port in another network namespace to the same port here: a browser there reaches the page as http://localhost.

Usage: relay.py NETNS_PATH PORT. Prints "ready" when it listens.
"""
import asyncio
import ctypes
import os
import socket
import sys

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def enter(path):
    descriptor = os.open(path, os.O_RDONLY)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), path)
    os.close(descriptor)


def listen_in(path, port):
    """A socket belongs to the namespace in which it was made."""
    enter(path)
    listener = socket.create_server(("127.0.0.1", port))
    enter("/proc/1/ns/net")
    return listener


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def relay(port, reader, writer):
    try:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        writer.close()
        return
    await asyncio.gather(copy(reader, upstream_writer), copy(upstream_reader, writer))


async def main():
    path, port = sys.argv[1], int(sys.argv[2])
    server = await asyncio.start_server(lambda r, w: relay(port, r, w), sock=listen_in(path, port))
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
