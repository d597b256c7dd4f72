"""A server for the page on this machine's loopback address, and no other."""

from __future__ import annotations

import os
import socket

import uvicorn
from starlette.types import ASGIApp

from foveal.errors import FovealError, bad_parameter
from foveal.web.safety import HOST

PORTS = range(65536)
WAITING = 64  # connections that may wait to be taken


def listening(port: int) -> socket.socket:
    """Return a socket that listens on a port of 127.0.0.1, on a free one for port 0.

    It is taken before anything is loaded, so that a port in use is told at once.

    Raises:
        UsageError: there is no such port.
        FovealError: it is in use, or not to be had.
    """
    if port not in PORTS:
        raise bad_parameter("port", f"from 0 to {PORTS[-1]}", port)
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere the option would share the port with another program
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((HOST, port))
        taken.listen(WAITING)
    except OSError as error:
        taken.close()
        raise FovealError(
            f"Port {port} cannot be had ({error.strerror}): choose another with --port."
        ) from error
    return taken


def config_of(app: ASGIApp, *, port: int) -> uvicorn.Config:
    """Return how the page is served: to this machine, without protocols and headers that it has no use for."""
    return uvicorn.Config(
        app,
        host=HOST,
        port=port,
        http="h11",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )


def serve_on(taken: socket.socket, app: ASGIApp) -> None:
    """Serve until the process is interrupted."""
    port = taken.getsockname()[1]
    uvicorn.Server(config_of(app, port=port)).run(sockets=[taken])
