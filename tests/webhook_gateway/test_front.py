"""The front over bare sockets: who dawdles, overdoes or goes away harms nobody, and Flask hears what was said."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from flask import Flask, Response, jsonify, request
from granian.constants import HTTPModes, Interfaces
from granian.server import Server

from cli.token import mint
from tests import conftest, served
from tests.served import JWT_SECRET, Answer, Served, answer, environment, event_request
from tests.stack import wait_for
from tests.studio import Studio
from tests.webhook_gateway.test_hardening import EVENT, MEBIBYTE, chunk, is_well, problem, received
from webhook_gateway.front import Front, Limits
from webhook_gateway.intake import MAX_BODY, Delivery
from webhook_gateway.wsgi import UNREAD

SECONDS = 2.5
DAWDLERS = 200
HASTY = f"""
import config
from webhook_gateway.front import Limits
from webhook_gateway.server import serve
serve(config.load(), limits=Limits(body_seconds={SECONDS}, large_bytes={4 * MEBIBYTE}))
"""
ECHO = "from tests.webhook_gateway.test_front import serve_echo; serve_echo()"

settings = conftest.settings


def echo() -> Flask:
    """Return an application that tells what it was asked, sleeps, or breaks."""
    app = Flask(__name__, static_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    finished: list[str] = []

    def tell() -> Response:
        if request.path == "/broken":
            raise RuntimeError("as asked")
        if request.path == "/finished":
            return jsonify(finished)
        time.sleep(float(request.args.get("sleep", 0)))
        body = request.get_data()
        finished.append(request.path)
        said = {name: value for name, value in request.environ.items() if re.match("HTTP_|CONTENT_|[A-Z_]+$", name)}
        return jsonify(said | {"path": request.path, "args": request.args.to_dict(flat=False), "body": body.hex()})

    app.before_request(tell)
    return app


def echo_front() -> Front:
    return Front(echo(), no_events, Limits(body_seconds=1, requests=4, threads=2))


async def no_events(_delivery: Delivery) -> bytes:
    raise AssertionError("nothing is sent to the webhook")


def serve_echo() -> None:
    options: dict[str, Any] = {"port": int(os.environ["PORT"]), "log_level": "error", "websockets": False}
    server = Server("echo", interface=Interfaces.RSGI, http=HTTPModes.http1, **options)
    server.serve(target_loader=echo_front, wrap_loader=False)  # type: ignore[arg-type] # it has what is asked for


@pytest.fixture(scope="module")
def shared_echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with a_server(ECHO, {"PATH": os.defpath}, tmp_path_factory.mktemp("echo")) as gateway:
        yield gateway


@pytest.fixture
def echoing(shared_echo: Served) -> Iterator[Served]:
    """Give the echo, which must answer afterwards."""
    yield shared_echo
    assert asked(shared_echo, "GET", "/")


@pytest.fixture(scope="module")
def shared_gateway(database_url: str, broker_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("hasty")
    with a_server(HASTY, environment(database_url, broker_url, folder), folder) as gateway:
        yield gateway


def a_server(code: str, environ: dict[str, str], folder: Path) -> AbstractContextManager[Served]:
    return served.served(environ, folder / "log", (sys.executable, "-c", code))


def asked(gateway: Served, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
    told = gateway.say(served.request(method, path, (headers or {}).items(), body))
    assert told is not None
    return told


def read(told: Answer | None) -> Any:
    assert told
    assert told.status == 200
    return json.loads(told.body)


def chunked(path: str = "/") -> bytes:
    return served.request("POST", path, [("Transfer-Encoding", "chunked")])


def test_two_hundred_that_dawdle_over_their_bodies_keep_nobody_waiting(shared_gateway: Served, studio: Studio) -> None:
    began = time.monotonic()
    heads = [event_request(EVENT)[:-1], event_request(EVENT, Transfer_Encoding="chunked") + chunk(EVENT)]
    with ExitStack() as stack:
        dawdlers = [stack.enter_context(shared_gateway.connect(seconds=SECONDS + 4)) for _ in range(DAWDLERS)]
        for number, connection in enumerate(dawdlers):
            connection.sendall(heads[number % 2])
        asked_at = time.monotonic()
        told = [shared_gateway.get("/healthz"), shared_gateway.post(EVENT)]
        took, early = time.monotonic() - asked_at, time.monotonic() - began < SECONDS
        answers = [answer(connection) for connection in dawdlers]
        ended = time.monotonic() - began

    assert early
    assert took < 2
    assert told[0]
    assert told[0].status == 200
    assert received(told[1])
    assert {problem(each) for each in answers if each} == {(408, "request_timeout")}
    assert SECONDS <= ended < SECONDS + 3
    assert is_well(shared_gateway)
    assert studio.count("stripe_events") == 1


def test_a_client_that_drips_its_body_is_given_up_too(shared_gateway: Served) -> None:
    began = time.monotonic()

    with shared_gateway.connect() as connection:
        connection.sendall(event_request(EVENT * 100)[: -len(EVENT) * 100])
        with suppress(ConnectionError):
            while time.monotonic() - began < SECONDS + 2:
                connection.sendall(b" ")
                time.sleep(0.05)

    assert SECONDS <= time.monotonic() - began < SECONDS + 1.5


def test_many_large_bodies_are_held_within_bounds_and_small_ones_still_taken(
    shared_gateway: Served, studio: Studio
) -> None:
    before = shared_gateway.peak_memory()
    with ExitStack() as stack:
        dawdlers = [stack.enter_context(shared_gateway.connect()) for _ in range(60)]
        for connection in dawdlers:
            with suppress(ConnectionError):
                connection.sendall(event_request(b" " * MAX_BODY)[:-1])
        told = shared_gateway.post(EVENT)
        answers = [answer(connection) for connection in dawdlers]

    assert received(told)
    assert {problem(each) for each in answers if each} == {(408, "request_timeout"), (503, "overloaded")}
    assert shared_gateway.peak_memory() - before < 48 * MEBIBYTE
    assert b'status="408"' in asked(shared_gateway, "GET", "/metrics").body


def test_a_body_without_an_end_is_refused_at_its_limit(echoing: Served) -> None:
    before, sent = echoing.peak_memory(), 0

    with echoing.connect() as connection:
        connection.sendall(chunked("/endless"))
        with suppress(ConnectionError):
            while sent < 200 * MEBIBYTE:
                connection.sendall(chunk(b"x" * 65_536))
                sent += 65_536
        told = answer(connection)

    assert told is None or problem(told) == (413, "payload_too_large")
    assert sent < 50 * MEBIBYTE
    assert echoing.peak_memory() - before < 16 * MEBIBYTE
    assert "/endless" not in read(asked(echoing, "GET", "/finished"))


@pytest.mark.parametrize("size", [MAX_BODY, MAX_BODY + 1])
@pytest.mark.parametrize("in_chunks", [True, False])
def test_a_body_may_have_one_mebibyte(echoing: Served, size: int, *, in_chunks: bool) -> None:
    body = b"x" * size
    whole = served.request("POST", "/", [("Content-Length", str(size))], body)
    told = echoing.say(chunked(), chunk(body), chunk(b"")) if in_chunks else echoing.say(whole)

    assert told is None or told.status == (200 if size == MAX_BODY else 413)
    assert told or size > MAX_BODY


ODD: list[tuple[str, str, dict[str, str], bytes]] = [
    ("GET", "/", {}, b""),
    ("GET", "/a%20b/%C3%A9%F0%9F%98%80//..//x;y=1?q=%20&a=%C3%A9&a=2&empty=&&=#", {}, b""),
    ("GET", "/%2e%2e%2f%25%3f%23%00", {"Accept": "", "X-Request-Id": "a b"}, b""),
    ("GET", "/plus+and?a+b=c+d%2B&x=1?2?3", {"Cookie": "a=1; b=2", "Authorization": "Bearer x"}, b""),
    ("DELETE", "/d", {"Content-Type": "text/plain;charset=x"}, b""),
    ("POST", "/p", {"Content-Length": "0", "Content-Type": "application/json"}, b""),
    ("POST", "/p?", {"Content-Length": "4", "Content-Type": "a/b"}, b"\0\xff\r\n"),
    ("GET", "/with-body", {"Content-Length": "1"}, b"x"),
    ("BREW", "/" + "a" * 5_000, {"X-Long": "v" * 5_000, "X-Dash-Ed": "a,b"}, b""),
]


@pytest.mark.parametrize(("method", "path", "headers", "body"), ODD, ids=range(len(ODD)))
def test_an_odd_request_is_told_as_werkzeug_tells_it(
    echoing: Served, method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    address = path.partition("#")[0]
    reference = echo().test_client(use_cookies=False)
    bare = {"Connection": "close", **headers}

    told = read(asked(echoing, method, address, headers, body))
    expected = reference.open(
        address, base_url="http://tests", method=method, headers=bare, data=body or None
    ).get_json()

    # The test client names itself and another port, keeps the address as it came, and says no length of 0.
    for name in ("HTTP_USER_AGENT", "SERVER_NAME", "SERVER_PORT", "REQUEST_URI", "RAW_URI"):
        expected.pop(name, None)
        told.pop(name, None)
    assert {"CONTENT_LENGTH": "0"} | told == {"CONTENT_LENGTH": "0"} | expected


@pytest.mark.parametrize("path", ["/%ff", "/%ed%a0%80/%c3", "/a%f0%9f"])
def test_a_path_in_a_broken_encoding_reads_the_same(echoing: Served, path: str) -> None:
    told = read(asked(echoing, "GET", path))

    assert told["path"] == echo().test_client().get(path).get_json()["path"]


def test_a_header_that_comes_twice_is_joined(echoing: Served) -> None:
    twice = [("X-Two", "1"), ("Cookie", "a=1"), ("x-two", "2"), ("Cookie", "b=2"), ("X_Two", "3")]

    told = read(echoing.say(served.request("GET", "/", twice)))

    assert (told["HTTP_X_TWO"], told["HTTP_COOKIE"]) == ("1, 2", "a=1; b=2")


def test_a_header_that_is_not_ascii_is_there_and_is_no_cookie(echoing: Served) -> None:
    odd = {"Idempotency-Key": "caf\xe9-1", "X-Bytes": "\xc3\xa9", "Cookie": "a=\xe9", "X-Plain": "1", "X_Odd": "\xe9"}

    told = read(asked(echoing, "GET", "/", odd))

    assert {told["HTTP_IDEMPOTENCY_KEY"], told["HTTP_X_BYTES"], told["HTTP_COOKIE"]} == {UNREAD}
    assert told["HTTP_X_PLAIN"] == "1"
    assert "HTTP_X_ODD" not in told


def test_a_key_that_is_not_ascii_is_refused_and_not_dropped(shared_gateway: Served, studio: Studio) -> None:
    body = b'{"sessionId": 1}'
    odd = {"Idempotency-Key": '"caf\xc3\xa9-1"', "Content-Type": "application/json", "Content-Length": str(len(body))}
    headers = {"Authorization": f"Bearer {mint(JWT_SECRET, org='lumen', role='student', sub='ada')}"} | odd

    told = asked(shared_gateway, "POST", "/api/bookings", headers, body)

    assert problem(told) == (400, "malformed_request")
    assert studio.count("jobs") == 0


def test_a_chunked_body_arrives_whole(echoing: Served) -> None:
    told = echoing.say(chunked(), chunk(b"ab"), chunk(b"c" * 70_000), chunk(b""))

    said = read(told)
    assert bytes.fromhex(said["body"]) == b"ab" + b"c" * 70_000
    assert said["CONTENT_LENGTH"] == "70002"
    assert "HTTP_TRANSFER_ENCODING" not in said


def test_the_application_learns_of_both_ends_and_nothing_of_the_environment(echoing: Served) -> None:
    told = read(asked(echoing, "GET", "/"))

    assert (told["REMOTE_ADDR"], told["SCRIPT_NAME"], told["SERVER_PORT"]) == ("127.0.0.1", "", str(echoing.port))
    assert told["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert "PATH" not in told


def test_head_is_answered_without_a_body(echoing: Served) -> None:
    with echoing.connect() as connection:
        connection.sendall(served.request("HEAD", "/"))
        raw = b"".join(iter(lambda: connection.recv(65_536), b""))

    assert raw.startswith(b"HTTP/1.1 200")
    assert raw.endswith(b"\r\n\r\n")
    assert int(re.findall(rb"(?i)content-length: (\d+)", raw)[0]) > 100


def test_a_connection_serves_one_request_after_another(echoing: Served) -> None:
    with echoing.connect() as connection:
        for number in range(3):
            connection.sendall(b"POST /%d HTTP/1.1\r\nHost: tests\r\nContent-Length: 2\r\n\r\nab" % number)
            assert read(answer(connection))["path"] == f"/{number}"
            connection.sendall(b"GET /again HTTP/1.1\r\nHost: tests\r\n\r\n")
            assert answer(connection)


@pytest.mark.parametrize("ending", [b"zz\r\n", b"0\r\nX-Trailer: 1\r\n\r\n", b"5\r\nabc\r\n0\r\n\r\n"])
def test_a_broken_body_is_no_body(echoing: Served, ending: bytes) -> None:
    told = echoing.say(chunked("/broken-body"), chunk(b"{}"), ending)

    assert told is None or problem(told) == (400, "malformed_request")
    assert "/broken-body" not in read(asked(echoing, "GET", "/finished"))


def test_a_client_that_goes_away_midway_changes_nothing(echoing: Served) -> None:
    for head in (chunked("/gone") + chunk(b"{}"), served.request("POST", "/gone", [("Content-Length", "3")], b"{}")):
        with echoing.connect() as connection:
            connection.sendall(head)

    assert "/gone" not in read(asked(echoing, "GET", "/finished"))


def test_a_client_that_does_not_wait_for_the_answer_changes_nothing(echoing: Served) -> None:
    with echoing.connect() as connection:
        connection.sendall(served.request("GET", "/unread?sleep=0.5"))
        # Whoever leaves in the same moment may have asked nothing.
        time.sleep(0.2)

    wait_for(lambda: "/unread" in read(asked(echoing, "GET", "/finished")), what="the answer that nobody read")


def test_what_breaks_is_told_and_takes_no_thread_with_it(echoing: Served) -> None:
    answers = [echoing.get("/broken") for _ in range(5)]

    assert {problem(each) for each in answers} == {(500, "internal_error")}
    assert "as asked" not in "".join(str(each) for each in answers) + echoing.log.read_text()


def test_one_request_too_many_is_told_so_at_once(echoing: Served) -> None:
    with ExitStack() as stack:
        waiting = [stack.enter_context(echoing.connect()) for _ in range(4)]
        for connection in waiting:
            connection.sendall(served.request("GET", "/?sleep=0.7"))
        time.sleep(0.2)
        began = time.monotonic()

        told = asked(echoing, "GET", "/too-many", {"X-Request-Id": "mine"})
        took = time.monotonic() - began
        answers = [answer(connection) for connection in waiting]

    assert problem(told) == (503, "overloaded")
    assert took < 0.4
    assert (told.headers["Retry-After"], told.headers["X-Request-Id"]) == ("5", "mine")
    assert json.loads(told.body)["instance"] == "urn:punchcard:request:mine"
    assert told.headers["X-Content-Type-Options"] == "nosniff"
    assert all(each and each.status == 200 for each in answers)


def test_those_who_dawdle_make_room_for_those_who_do_not(echoing: Served) -> None:
    with ExitStack() as stack:
        dawdlers = [stack.enter_context(echoing.connect()) for _ in range(4)]
        for connection in dawdlers:
            connection.sendall(chunked())
            time.sleep(0.05)
        began = time.monotonic()

        told = asked(echoing, "GET", "/")
        evicted = answer(dawdlers[0])
        took = time.monotonic() - began

    assert told.status == 200
    assert problem(evicted) == (408, "request_timeout")
    assert took < 0.5


def test_a_stop_finishes_what_is_under_way(tmp_path: Path) -> None:
    with a_server(ECHO, {"PATH": os.defpath}, tmp_path) as gateway, ExitStack() as stack:
        sleeping, sending = (stack.enter_context(gateway.connect()) for _ in range(2))
        sleeping.sendall(served.request("GET", "/sleeping?sleep=0.8"))
        sending.sendall(served.request("POST", "/sending", [("Content-Length", "2")], b"a"))
        time.sleep(0.3)

        os.kill(gateway.pid, signal.SIGTERM)
        time.sleep(0.3)
        sending.sendall(b"b")
        answers = [answer(sleeping), answer(sending)]

    assert [read(each)["path"] for each in answers if each] == ["/sleeping", "/sending"]
    assert "Traceback" not in (log := (tmp_path / "log").read_text())
    assert "never" not in log


class Unread:
    """What a server hands over of a request without a body; remembers the answers."""

    def __init__(self) -> None:
        self.answers: list[int] = []

    def response_bytes(self, status: int, _headers: object, _body: bytes) -> None:
        self.answers.append(status)


def test_what_was_given_up_before_a_thread_took_it_is_not_begun() -> None:
    begun: list[str] = []
    release = threading.Event()

    def app(environ: dict[str, Any], start: Any) -> list[bytes]:
        begun.append(environ["PATH_INFO"])
        release.wait(5)
        start("200 OK", [])
        return [b""]

    async def run() -> list[Unread]:
        front = Front(app, no_events, Limits(threads=1, answer_seconds=0.1))
        front.__rsgi_init__(asyncio.get_running_loop())
        requests = [Unread() for _ in range(3)]
        common = {"headers": {}, "method": "POST", "query_string": "", "http_version": "1.1", "scheme": "http"}
        scopes = [
            SimpleNamespace(path=f"/{each}", server="127.0.0.1:1", client="127.0.0.1:2", **common) for each in range(3)
        ]
        pairs = zip(scopes, requests, strict=True)
        await asyncio.gather(*(front.__rsgi__(cast("Any", scope), cast("Any", proto)) for scope, proto in pairs))
        release.set()
        await asyncio.sleep(0.2)
        return requests

    requests = asyncio.run(run())

    assert begun == ["/0"]
    assert [each.answers[0] for each in requests] == [503] * 3
