"""`foveal serve`."""

from __future__ import annotations

import sys
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from foveal.cli.console import err, out, print_json
from foveal.optional_imports import suggest_install


def serve(
    folder: Annotated[Path, Parameter(name="STUDY_OR_RUN")],
    /,
    *,
    port: int = 8000,
    seed: int | None = None,
    variants: str | None = None,
    open_page: Annotated[bool, Parameter(name="--open", negative="--no-open")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Show a page on this machine: an image in, what every variant says and where it looks out.

    The page is at 127.0.0.1 and can be reached from this machine alone. Ctrl-C ends it.

    Parameters
    ----------
    folder
        The folder of a study or of a run.
    port
        Where the page is, at 127.0.0.1; 0 takes a free one.
    seed
        Show the networks of this seed; by default the first finished seed of each variant.
    variants
        Show these variants only, separated by commas.
    open_page
        Open the page in the browser.
    json
        Print one JSON object on stdout.
    """
    refuse_without_extra()
    from foveal.cli.explain import words
    from foveal.training import Numerics, resolve_numerics
    from foveal.web.app import page_app
    from foveal.web.loaded_study import served_from
    from foveal.web.server import listening, serve_on
    from foveal.web.worker import Worker

    numerics = resolve_numerics(Numerics(dtype="float32"))
    with listening(port) as taken:
        with err.status("loading the networks"):
            served = served_from(
                folder, device=numerics.device, seed=seed, variants=words(variants)
            )
        address = "http://{}:{}/".format(*taken.getsockname())
        if json:
            print_json({"address": address, "variants": [one.name for one in served.variants]})
            sys.stdout.flush()  # whoever reads it through a pipe waits for it
        else:
            out.print(f"page    {address}  (Ctrl-C ends it)", soft_wrap=True, markup=False)
        if open_page:
            webbrowser.open(address)
        with suppress(KeyboardInterrupt):  # the way to end it, and nothing is left undone
            serve_on(taken, page_app(served, Worker(numerics), port=taken.getsockname()[1]))


def refuse_without_extra() -> None:
    """Refuse to go on where the extra is not installed."""
    with suggest_install("foveal[web]"):
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
