"""The server listens at the loopback address only, and the command starts and stops it."""

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
from foveal.web.server import build_server_config, open_socket
from web.api_client import VARIANTS


def test_listens_on_this_machine_only() -> None:
    with open_socket(0) as listener:
        host, port = listener.getsockname()
        assert host == "127.0.0.1"
        message = rf"Port {port} is not available \(.* in use\)\. Choose"
        with pytest.raises(FovealError, match=message) as error:
            open_socket(port)
        assert error.value.exit_code == 1

    async def app(scope: object, receive: object, send: object) -> None:
        """Serve nothing."""

    config = build_server_config(app, port=port)
    assert (config.host, config.port, config.uds, config.fd) == ("127.0.0.1", port, None, None)
    assert (config.ws, config.proxy_headers, config.server_header) == ("none", False, False)


@pytest.mark.parametrize("port", [-1, 65536])
def test_refuses_numbers_that_are_not_ports(port: int) -> None:
    with pytest.raises(UsageError, match="`port` should be from 0 to 65535"):
        open_socket(port)


def test_command_refuses_a_port_in_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_socket(0) as listener:
        assert main(["serve", str(tmp_path), "--port", str(listener.getsockname()[1])]) == 1
    message = " ".join(capsys.readouterr().err.split())
    assert "is not available" in message
    assert "Choose another with --port" in message


def test_command_has_no_option_for_another_host(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", str(tmp_path), "--host", "0.0.0.0"]) == 2
    assert "--host" in capsys.readouterr().err


def test_command_refuses_a_folder_without_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", str(tmp_path), "--port", "0"]) == 2
    assert str(tmp_path) in "".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("name", ["fastapi", "uvicorn"])
def test_command_names_the_missing_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)  # makes the import fail
    assert main(["serve", str(tmp_path)]) == 2
    assert 'pip install "foveal[web]"' in " ".join(capsys.readouterr().err.split())


def read_json_object(lines: IO[str]) -> str:
    """Return the lines up to the end of a JSON object or of the output."""
    read = [next(lines, "")]
    while read[-1] not in {"}\n", ""}:
        read.append(next(lines, ""))
    return "".join(read)


def test_command_serves_until_it_is_interrupted(folder: Path) -> None:
    command = [sys.executable, "-m", "foveal", "serve", str(folder), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = json.loads(read_json_object(process.stdout))
        assert printed["variants"] == list(VARIANTS)
        address = printed["address"]
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address) as response:
            assert b"Predictions and maps" in response.read()
            assert "server" not in {name.lower() for name in response.headers}
        with urllib.request.urlopen(f"{address}api/about") as response:
            assert [each["name"] for each in json.load(response)["variants"]] == list(VARIANTS)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
