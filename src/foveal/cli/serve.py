"""The command `foveal serve`."""

from __future__ import annotations

import sys
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from foveal.cli.console import print_json, stderr, stdout
from foveal.cli.options import JsonFlag, split_list
from foveal.optional_imports import suggest_install


def serve(
    folder: Annotated[Path, Parameter(name="STUDY_OR_RUN")],
    /,
    *,
    port: int = 8000,
    seed: int | None = None,
    variants: str | None = None,
    open_page: Annotated[bool, Parameter(name="--open", negative="--no-open")] = False,
    json: JsonFlag = False,
) -> None:
    """Serve a local page that shows predictions and occlusion maps of an image.

    The page compares all variants. Only this machine can reach it, at 127.0.0.1. Ctrl-C stops it.

    Parameters
    ----------
    folder
        The folder of a study or a run.
    port
        Port of the page at 127.0.0.1; 0 chooses a free port.
    seed
        Show the networks of this seed; by default the first finished seed of each variant.
    variants
        Show only these variants, separated by commas.
    open_page
        Open the page in the browser.
    """
    _require_web_extra()
    from foveal.kernels import get_default_kernels
    from foveal.training import Numerics, resolve_numerics
    from foveal.web.app import create_app
    from foveal.web.loaded_study import load_study
    from foveal.web.server import open_socket, run_server
    from foveal.web.worker import Worker

    # Both are fixed, so that no timing decides what the page shows.
    numerics = resolve_numerics(Numerics(dtype="float32", kernels=get_default_kernels()))
    with open_socket(port) as socket:
        with stderr.status("Loading the networks"):
            study = load_study(
                folder, device=numerics.device, seed=seed, variants=split_list(variants)
            )
        address = "http://{}:{}/".format(*socket.getsockname())
        if json:
            print_json(
                {"address": address, "variants": [variant.name for variant in study.variants]}
            )
            sys.stdout.flush()  # a program that reads the pipe waits for the address
        else:
            stdout.print(f"page    {address}  (Ctrl-C stops it)", soft_wrap=True, markup=False)
        if open_page:
            webbrowser.open(address)
        with suppress(KeyboardInterrupt):  # the usual end of this command
            run_server(socket, create_app(study, Worker(numerics), port=socket.getsockname()[1]))


def _require_web_extra() -> None:
    """Raise UsageError if the extra `web` is not installed."""
    with suggest_install("foveal[web]"):
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
