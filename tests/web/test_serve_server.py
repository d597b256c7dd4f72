"""Where the page is served, and the command that serves it."""

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import IO

import pytest

from foveal.cli import main
from foveal.errors import FovealError, UsageError
from foveal.web.server import config_of, listening
from web.conftest import VARIANTS


def test_it_listens_on_this_machine_alone() -> None:
    with listening(0) as taken:
        host, port = taken.getsockname()
        assert host == "127.0.0.1"
        with pytest.raises(
            FovealError, match=rf"Port {port} cannot be had \(.* in use\): choose"
        ) as why:
            listening(port)
        assert why.value.exit_code == 1

    async def app(scope: object, receive: object, send: object) -> None:
        """Serve nothing."""

    config = config_of(app, port=port)
    assert (config.host, config.port, config.uds, config.fd) == ("127.0.0.1", port, None, None)
    assert (config.ws, config.proxy_headers, config.server_header) == ("none", False, False)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none(port: int) -> None:
    with pytest.raises(UsageError, match="`port` should be from 0 to 65535"):
        listening(port)


def test_a_port_in_use_ends_the_command(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with listening(0) as taken:
        assert main(["serve", str(study), "--port", str(taken.getsockname()[1])]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "cannot be had" in said
    assert "choose another with --port" in said


def test_no_other_address_can_be_chosen(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(study), "--host", "0.0.0.0"]) == 2
    assert "--host" in capsys.readouterr().err


def test_a_folder_without_networks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(tmp_path), "--port", "0"]) == 2
    assert str(tmp_path) in "".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("name", ["fastapi", "uvicorn"])
def test_without_the_extra(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)  # what Python makes of a module that is not there
    assert main(["serve", str(study)]) == 2
    assert 'pip install "foveal[web]"' in " ".join(capsys.readouterr().err.split())


def one_object(lines: IO[str]) -> str:
    """Return the lines to the end of a JSON object, or of the output."""
    read = [next(lines, "")]
    while read[-1] not in {"}\n", ""}:
        read.append(next(lines, ""))
    return "".join(read)


def test_the_command_serves_until_it_is_interrupted(study: Path) -> None:
    command = [sys.executable, "-m", "foveal", "serve", str(study), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = json.loads(one_object(process.stdout))
        assert printed["variants"] == list(VARIANTS)
        address = printed["address"]
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address) as answer:
            assert b"Where the networks look" in answer.read()
            assert "server" not in {name.lower() for name in answer.headers}
        with urllib.request.urlopen(f"{address}api/about") as answer:
            assert [one["name"] for one in json.load(answer)["variants"]] == list(VARIANTS)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
