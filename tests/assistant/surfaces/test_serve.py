"""Claims about a served Roundsman as a process: whom it lets in, and that it closes its parts when told to stop."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from browser_page import free_port, serving

HERE = Path(__file__).parent
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # the example of RFC 6455
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}


def upgraded(port: int, origin: str) -> int:
    """The status of a websocket's handshake from a page of that origin."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    address = "/ws/socket.io/?EIO=4&transport=websocket"
    connection.request("GET", address, headers={**UPGRADE, "Host": f"localhost:{port}", "Origin": origin})
    status = connection.getresponse().status
    connection.close()
    return status


def test_only_our_own_page_opens_the_chat_s_websocket(tmp_path: Path) -> None:
    port = free_port()
    command = [str(HERE / "double_server.py"), str(tmp_path / "home"), str(port)]
    with serving(command, f"http://localhost:{port}", {}, tmp_path / "log"):
        assert upgraded(port, "http://evil.example") == 403
        assert upgraded(port, f"http://localhost:{port}") == 101


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_signal_closes_the_parts(tmp_path: Path, sign: signal.Signals) -> None:
    port, home = free_port(), tmp_path / "home"
    command = [sys.executable, str(HERE / "double_server.py"), str(home), str(port)]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait_until_it_answers(port)
            process.send_signal(sign)
            process.wait(30)
        finally:
            process.kill()
    assert (home / "closed").exists()
    if sign is signal.SIGTERM:
        assert process.returncode == 0
        assert b"Traceback" not in (tmp_path / "log").read_bytes()


def _wait_until_it_answers(port: int) -> None:
    give_up = time.monotonic() + 90
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        except OSError:
            assert time.monotonic() < give_up
            time.sleep(0.2)
        else:
            return
        finally:
            connection.close()
