"""The importer against a local HTTP server: order, retries, refusals, and the second run."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devstack.importer.__main__ import main
from devstack.importer.batches import Batch, EncodedPost
from devstack.importer.client import Guildhall, Imported, ImportRefusedError
from devstack.importer.files import Files
from devstack.importer.posts import PostFile


def error(code: str, field: str = "", message: str = "no", **more: float) -> JSONResponse:
    extensions = {"code": code, **({"field": field} if field else {}), **more}
    return JSONResponse({"data": None, "errors": [{"message": message, "extensions": extensions}]})


@dataclass
class RecordingServer:
    """Stands where the gateway stands, to see what the importer sends and when."""

    port: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    log: list[tuple[str, str]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    # Files: what was put, by the attachment's id; states other than READY; codes of refusals.
    files: dict[str, bytes] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)  # whose address is over
    # Each is asked once, in order, before the usual answer.
    first_answers: list[Response] = field(default_factory=list)
    space: dict[str, Any] | None = field(default_factory=lambda: {"id": "space-1"})
    busy: int = 0
    most_busy: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        sent = json.loads(body)
        self.tokens.append(request.headers["authorization"])
        if sent["operationName"] == "FindSpace":
            return JSONResponse({"data": {"community": {"id": "c", "space": self.space}}})
        if sent["operationName"] in ("CreateUpload", "CompleteUpload"):
            return self.upload(sent["operationName"], sent["variables"]["input"])
        self.sizes.append(len(body))
        variables = sent["variables"]["input"]
        self.requests.append(variables)
        kind = variables["posts"][0]["kind"]
        self.log.append(("begin", kind))
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        await asyncio.sleep(0.01)
        self.busy -= 1
        self.log.append(("end", kind))
        if self.first_answers:
            return self.first_answers.pop(0)
        ids = {post["externalId"] for post in variables["posts"]}
        created = len(ids - self.seen)
        self.seen |= ids
        counts = {"created": created, "alreadyThere": len(ids) - created}
        return JSONResponse({"data": {"importPosts": counts}})

    def upload(self, operation: str, given: dict[str, Any]) -> Response:
        self.log.append((operation, given.get("name", given["requestId"])))
        if operation == "CreateUpload":
            if given["name"] in self.codes:
                return error(self.codes[given["name"]], "name")
            id_ = f"of {given['requestId']}"
            made = {"attachment": {"id": id_}, "url": f"{self.url}/put/{given['requestId']}"}
            return JSONResponse({"data": {"createUpload": {**made, "headers": []}}})
        id_ = given["attachmentId"]
        if id_ not in self.files:
            return error("UPLOAD_MISSING", "attachmentId")
        state = self.states.get(id_, "READY")
        attachment = {"id": id_, "state": state}
        return JSONResponse({"data": {"completeUpload": {"attachment": attachment}}})

    async def put(self, request: Request) -> Response:
        assert "authorization" not in request.headers  # the address is enough
        id_ = f"of {request.path_params['id']}"
        if id_ in self.over:
            return Response(status_code=403)
        self.files[id_] = await request.body()
        self.log.append(("put", id_))
        return Response(status_code=204)


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    recording = RecordingServer()
    routes = [
        Route("/graphql", recording.answer, methods=["POST"]),
        Route("/put/{id}", recording.put, methods=["PUT"]),
    ]
    app = Starlette(routes=routes)
    listener = socket.create_server(("127.0.0.1", 0))
    recording.port = listener.getsockname()[1]
    config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    while not running.started:
        time.sleep(0.01)
    yield recording
    running.should_exit = True
    thread.join()
    listener.close()


def batch(*external_ids: str) -> Batch:
    return Batch(
        tuple(
            EncodedPost(
                int(name) + 2, name, json.dumps({"externalId": name, "kind": "QUESTION"}).encode()
            )
            for name in external_ids
        )
    )


@contextlib.asynccontextmanager
async def _guildhall(url: str, token: Callable[[], str] = lambda: "t") -> AsyncIterator[Guildhall]:
    guildhall = Guildhall(url, "manager@aurora.example", token, back_off=0.01)
    try:
        yield guildhall
    finally:
        await guildhall.close()


def with_files(*names: str) -> Batch:
    (post,) = batch("1").posts
    files = tuple(PostFile("files", name, f"/uploads/{name}") for name in names)
    return Batch((replace(post, files=files),))


async def test_files_are_put_once_and_their_posts_have_them(
    server: RecordingServer, tmp_path: Path
) -> None:
    (tmp_path / "uploads").mkdir()
    for name in ("a.png", "b.exe", "c.png", "d.txt"):
        (tmp_path / "uploads" / name).write_text(f"content of {name}")
    server.codes["b.exe"] = "TYPE_NOT_ALLOWED"
    notes: Counter[str] = Counter()
    sent = with_files("a.png", "b.exe", "c.png", "gone.png", "d.txt")
    async with _guildhall(server.url) as guildhall:
        files = Files(guildhall, "c", "space-1", "s", tmp_path, notes)
        first = await files.attached(sent)
        ids = json.loads(first.posts[0].json)["attachmentIds"]
        assert [server.files[id_].decode() for id_ in ids] == [
            f"content of {name}" for name in ("a.png", "c.png", "d.txt")
        ]
        assert notes == {
            "files attached": 3,
            "files not taken (TYPE_NOT_ALLOWED)": 1,
            "files not taken (gone)": 1,
        }
        puts = [one for one in server.log if one[0] == "put"]
        server.states[ids[1]] = "INFECTED"
        server.states[ids[2]] = "ATTACHED"
        again = await files.attached(sent)
        assert json.loads(again.posts[0].json)["attachmentIds"] == [ids[0], ids[2]]
        assert [one for one in server.log if one[0] == "put"] == puts
        assert notes["files not taken (INFECTED)"] == 1
        # Of another space or post it is another file; what has none stays as it is.
        other = await Files(guildhall, "c", "space-2", "s", tmp_path, notes).attached(sent)
        assert ids[0] not in json.loads(other.posts[0].json)["attachmentIds"]
        assert await files.attached(batch("2", "3")) == batch("2", "3")


async def test_a_file_whose_address_is_over_is_begun_anew(
    server: RecordingServer, tmp_path: Path
) -> None:
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "a.png").write_text("content")
    notes: Counter[str] = Counter()
    async with _guildhall(server.url) as guildhall:
        files = Files(guildhall, "c", "space-1", "s", tmp_path, notes)
        (first,) = json.loads((await files.attached(with_files("a.png"))).posts[0].json)[
            "attachmentIds"
        ]
        del server.files[first]
        server.over.add(first)
        for _ in range(2):
            taken = json.loads((await files.attached(with_files("a.png"))).posts[0].json)
            (second,) = taken["attachmentIds"]
            assert second != first
            assert server.files == {second: b"content"}
        server.over |= {second}
        server.states = {second: "REMOVED"}
        assert len(json.loads((await files.attached(with_files("a.png"))).posts[0].json)) == 3
    assert notes == {"files attached": 4}


async def test_import_posts_counts_created_and_already_there(server: RecordingServer) -> None:
    async with _guildhall(server.url) as guildhall:
        assert await guildhall.find_space("aurora", "general") == ("c", "space-1")
        assert await guildhall.import_posts("space-1", "s", batch("1", "2")) == Imported(2, 0)
        assert await guildhall.import_posts("space-1", "s", batch("2", "3")) == Imported(1, 1)
    assert server.requests[0] == {
        "requestId": batch("1", "2").request_id("space-1", "s"),
        "spaceId": "space-1",
        "source": "s",
        "posts": [{"externalId": name, "kind": "QUESTION"} for name in ("1", "2")],
    }


@pytest.mark.parametrize(
    "failure",
    [
        Response(status_code=502),
        Response(status_code=503),
        Response(status_code=504),
        Response(status_code=429, headers={"retry-after": "0"}),
        error("UNAVAILABLE"),
        error("OUTCOME_UNKNOWN"),
        error("POSTING_TOO_FAST", retryAfter=0.01),
    ],
)
async def test_passing_failure_is_tried_again_with_the_same_request_id(
    server: RecordingServer, failure: Response
) -> None:
    server.first_answers = [failure, failure, failure]
    async with _guildhall(server.url) as guildhall:
        assert await guildhall.import_posts("space-1", "s", batch("1")) == Imported(1, 0)
    assert len(server.requests) == 4
    assert len({request["requestId"] for request in server.requests}) == 1


async def test_failure_that_stays_ends_the_import(server: RecordingServer) -> None:
    server.first_answers = [Response(status_code=503)] * 4
    async with _guildhall(server.url) as guildhall:
        with pytest.raises(ImportRefusedError, match=r"answers HTTP 503 \(4 attempts\)"):
            await guildhall.import_posts("space-1", "s", batch("1"))
    assert len(server.requests) == 4


async def test_retry_after_is_waited_for(server: RecordingServer) -> None:
    server.first_answers = [Response(status_code=429, headers={"retry-after": "1"})]
    begun = time.monotonic()
    async with _guildhall(server.url) as guildhall:
        await guildhall.import_posts("space-1", "s", batch("1"))
    assert time.monotonic() - begun >= 1


async def test_expired_token_is_renewed_once(server: RecordingServer) -> None:
    tokens = iter(["old", "new", "newest"])
    server.first_answers = [error("UNAUTHENTICATED")]
    async with _guildhall(server.url, lambda: next(tokens)) as guildhall:
        await guildhall.import_posts("space-1", "s", batch("1"))
        server.first_answers = [Response(status_code=401), Response(status_code=401)]
        with pytest.raises(ImportRefusedError, match=r"token of manager@aurora.example was ref"):
            await guildhall.import_posts("space-1", "s", batch("2"))
    assert server.tokens[:2] == ["Bearer old", "Bearer new"]


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        (
            error("BODY_LENGTH", "posts.1.body", "too long"),
            "line 4, post 2: refused by the server: body BODY_LENGTH: too long",
        ),
        (
            error("TAG", "input.posts.0.tags", "bad\ntag"),
            "line 3, post 1: refused by the server: tags TAG: bad tag",
        ),
        (
            error("PERMISSION_DENIED"),
            "manager@aurora.example is refused by the server: PERMISSION_DENIED: no",
        ),
        (Response("<html>", status_code=200), "does not answer as Guildhall does"),
        (Response(status_code=404), r"does not answer as Guildhall does \(HTTP 404\)"),
    ],
)
async def test_refusal_names_the_row_and_is_not_tried_again(
    server: RecordingServer, refusal: Response, message: str
) -> None:
    server.first_answers = [refusal]
    async with _guildhall(server.url) as guildhall:
        with pytest.raises(ImportRefusedError, match=message):
            await guildhall.import_posts("space-1", "s", batch("1", "2"))
    assert len(server.requests) == 1


def _dump(path: Path, questions: int, answers: int) -> Path:
    common = 'CreationDate="2024-03-01T10:20:30.400" Score="1" Body="&lt;p&gt;Word&lt;/p&gt;"'
    lines = [f'<row Id="{n}" PostTypeId="1" Title="T {n}" {common} />' for n in range(questions)]
    lines += [
        f'<row Id="{questions + n}" PostTypeId="2" ParentId="{n % questions}" {common} />'
        for n in range(answers)
    ]
    path.write_text("<posts>\n" + "\n".join(lines) + "\n</posts>")
    return path


def _import(server: RecordingServer, file: Path) -> int:
    return main([str(file), "aurora/general", "--url", server.url, "--token", "t"])


def test_questions_are_acknowledged_before_the_first_answer_is_sent(
    server: RecordingServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _dump(tmp_path / "Posts.xml", 450, 1250)
    assert _import(server, file) == 0
    out = capsys.readouterr().out
    assert "imported 450 questions and 1,250 answers (1,700 posts) into aurora/general in" in out
    assert "already there: 0; skipped: 0" in out
    assert server.log.index(("begin", "ANSWER")) == 2 * 5
    assert [entry for entry in server.log[:10] if entry[1] != "QUESTION"] == []
    assert 1 < server.most_busy <= 4
    assert max(server.sizes) <= 60_000
    assert max(len(request["posts"]) for request in server.requests) == 100


def test_answers_are_acknowledged_before_what_replies_to_them_is_sent(
    server: RecordingServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _dump(tmp_path / "Posts.xml", 1, 250)
    rows = "\n".join(
        f'<row Id="{n}" PostId="{n}" Score="0" Text="Thanks" CreationDate="2024-03-02T10:20:30" />'
        for n in range(251)
    )
    (tmp_path / "Comments.xml").write_text(f"<comments>{rows}</comments>")
    assert _import(server, tmp_path) == 0
    assert "imported 1 questions and 501 answers (502 posts)" in capsys.readouterr().out
    nested = ["parentAnswerExternalId" in request["posts"][0] for request in server.requests]
    assert nested == sorted(nested)
    sent = [post for request in server.requests for post in request["posts"]]
    assert sum("parentAnswerExternalId" in post for post in sent) == 250


def test_second_run_sends_the_same_requests_and_imports_nothing(
    server: RecordingServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _dump(tmp_path / "Posts.xml", 250, 250)
    assert _import(server, file) == 0
    first = {request["requestId"] for request in server.requests}
    server.requests.clear()
    assert _import(server, file) == 0
    assert {request["requestId"] for request in server.requests} == first
    out = capsys.readouterr().out
    assert "imported 0 questions and 0 answers (0 posts)" in out
    assert "already there: 500" in out


def test_requests_stay_below_their_size_with_long_posts(
    server: RecordingServer, tmp_path: Path
) -> None:
    file = tmp_path / "Posts.xml"
    rows = "\n".join(
        f'<row Id="{n}" PostTypeId="1" Title="T" Score="1" CreationDate="2024-03-01T10:20:30"'
        f' Body="{"é" * (n * 977)}" />'
        for n in range(1, 31)
    )
    file.write_text(f"<posts>{rows}</posts>")
    assert _import(server, file) == 0
    assert max(server.sizes) <= 60_000
    assert sum(len(request["posts"]) for request in server.requests) == 30


def test_refusal_while_sending_says_how_far_it_came(
    server: RecordingServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.first_answers = [error("TITLE_LENGTH", "posts.0.title")]
    assert _import(server, _dump(tmp_path / "Posts.xml", 10, 10)) == 1
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "line 2, post 0: refused by the server: title TITLE_LENGTH: no; "
        "0 of 20 posts are in, run it again to go on"
    ]
    assert {request["posts"][0]["kind"] for request in server.requests} == {"QUESTION"}


def test_unknown_space_and_silent_server_are_said_in_one_line(
    server: RecordingServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _dump(tmp_path / "Posts.xml", 1, 0)
    server.space = None
    assert _import(server, file) == 1
    assert capsys.readouterr().err == (
        "there is no space aurora/general that manager@aurora.example can see\n"
    )
    assert main([str(file), "aurora/general", "--url", "http://127.0.0.1:9", "--token", "t"]) == 1
    assert "http://127.0.0.1:9 does not answer: is it running" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["f", "aurora"], ["f", "a/b/c"], ["f", "a/b", "--source", " "], ["f", "a/b", "--url", "x"]],
)
def test_bad_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
