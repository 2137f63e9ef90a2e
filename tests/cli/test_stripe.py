"""`punchcard stripe send`: posts as Stripe does, and says what came back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Punchcard, one_line
from tests.served import SECRET, Served, environment, served
from tests.stripe_objects import EXAMPLES
from tests.studio import Studio

EXAMPLE = str(EXAMPLES / "lumen-explorer-5.json")


@pytest.fixture(scope="module")
def gateway(database_url: str, broker_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with served(environment(database_url, broker_url, folder), folder / "log") as gateway:
        yield gateway


@pytest.fixture
def sending(gateway: Served, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """Give the studio behind the gateway that `stripe send` reaches."""
    monkeypatch.setenv("PORT", str(gateway.port))
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRETS", SECRET)
    return studio


def test_a_purchase_is_sent_and_fulfilled(punchcard: Punchcard, sending: Studio) -> None:
    said = punchcard("stripe", "send", EXAMPLE)
    sending.drain()

    assert (said.code, said.out) == (0, '200 {"received": true, "duplicate": false}\n')
    assert sending.packages() == [("EXPLORER-5", "demo-student")]


def test_files_are_repeated_and_shuffled(punchcard: Punchcard, sending: Studio) -> None:
    intent = str(EXAMPLES / "lumen-explorer-5.payment-intent.json")

    said = punchcard("stripe", "send", EXAMPLE, intent, "--repeat", "5", "--shuffle")
    sending.drain()

    assert said.code == 0
    assert (said.out.count('"duplicate": false'), said.out.count('"duplicate": true')) == (2, 8)
    assert sending.count("stripe_events") == 2
    assert sending.packages() == [("EXPLORER-5", "demo-student")]


def test_fresh_is_another_purchase(punchcard: Punchcard, sending: Studio) -> None:
    for _ in range(2):
        punchcard("stripe", "send", EXAMPLE, "--fresh")
    sending.drain()

    assert sending.packages() == [("EXPLORER-5", "demo-student")] * 2


def test_an_event_that_is_not_accepted_is_exit_1(punchcard: Punchcard, sending: Studio, gateway: Served) -> None:
    url = f"http://127.0.0.1:{gateway.port}/webhooks/stripe"

    wrong = punchcard("stripe", "send", EXAMPLE, "--secret", "whsec_wrong", "--url", url)
    nobody = punchcard("stripe", "send", EXAMPLE, "--url", f"{url}/nobody?a=b")

    assert (wrong.code, wrong.out[:3]) == (1, "400")
    assert (nobody.code, nobody.out[:3]) == (1, "403")
    assert sending.count("stripe_events") == 0


def test_a_gateway_that_is_away_or_none_is_one_line(punchcard: Punchcard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer_nonsense, args=(server,), daemon=True).start()

        away = punchcard("stripe", "send", EXAMPLE, "--url", "http://127.0.0.1:1/webhooks/stripe")
        none = punchcard("stripe", "send", EXAMPLE, "--url", f"http://127.0.0.1:{server.getsockname()[1]}")

    for said in (away, none):
        assert said.code == 1
        assert one_line(said.err)
        assert "does not answer" in said.err


def answer_nonsense(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65_536)
        connection.sendall(b"220 mail.example.com ESMTP\r\n")


@pytest.mark.parametrize(
    "url", ["ftp://x", "127.0.0.1:8000", "http://", "http://x:99999", "http://x:y", "http://[x", ""]
)
def test_an_address_that_is_none_is_wrong_use(punchcard: Punchcard, url: str) -> None:
    said = punchcard("stripe", "send", EXAMPLE, "--url", url or " ")

    assert said.code == 2
    assert one_line(said.err)
    assert "--url" in said.err


@pytest.mark.parametrize(
    "content", ["", "no JSON", "[]", "{}", '{"id": "evt_1", "data": {"object": []}}', '{"data": 7}']
)
def test_a_file_without_ids_cannot_be_sent_fresh(punchcard: Punchcard, tmp_path: Path, content: str) -> None:
    file = tmp_path / "event.json"
    file.write_text(content)

    said = punchcard("stripe", "send", file, "--fresh")

    assert said.code == 2
    assert one_line(said.err)
    assert str(file) in said.err


def test_a_file_that_is_not_there_is_wrong_use(punchcard: Punchcard, tmp_path: Path) -> None:
    assert punchcard("stripe", "send", tmp_path / "none.json").code == 2
    assert punchcard("catalog", "apply", tmp_path / "none.yaml").code == 2
