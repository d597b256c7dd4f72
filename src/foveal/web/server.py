"""Server of the page at the loopback address of this machine."""

from __future__ import annotations

import os
import socket

import uvicorn
from starlette.types import ASGIApp

from foveal.errors import FovealError, bad_parameter
from foveal.web.safety import HOST

_VALID_PORTS = range(65536)
_MAX_PENDING_CONNECTIONS = 64


def open_socket(port: int) -> socket.socket:
    """Return a socket that listens at a port of 127.0.0.1; port 0 chooses a free one.

    It is opened before the networks are loaded, so that a port in use is reported immediately.

    Raises:
        UsageError: the number is not a port.
        FovealError: the port is in use or not permitted.
    """
    if port not in _VALID_PORTS:
        raise bad_parameter("port", f"from 0 to {_VALID_PORTS[-1]}", port)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # on Windows this option shares the port with another program
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(_MAX_PENDING_CONNECTIONS)
    except OSError as error:
        listener.close()
        raise FovealError(
            f"Port {port} is not available ({error.strerror}). Choose another with --port."
        ) from error
    return listener


def build_server_config(app: ASGIApp, *, port: int) -> uvicorn.Config:
    """Return the server configuration: this machine only, without unused protocols and headers."""
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


def run_server(listener: socket.socket, app: ASGIApp) -> None:
    """Run the server until the process is interrupted."""
    port = listener.getsockname()[1]
    uvicorn.Server(build_server_config(app, port=port)).run(sockets=[listener])
