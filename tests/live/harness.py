"""What the live test works with: the model's process, the `rigtape` binary, and a tape reader of
its own, which shares no code with the one under test."""

import base64
import json
import os
import pathlib
import shlex
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
CLIENTS = HERE.parent / "clients"
REQUESTS = HERE / "requests"
# Seconds for one recording; a loaded machine reads a long prompt slowly.
PATIENCE = 180

ROUTES = {
    "openai-chat": "$OPENAI_BASE_URL/chat/completions",
    "anthropic-messages": "$ANTHROPIC_BASE_URL/v1/messages",
    "openai-responses": "$OPENAI_BASE_URL/responses",
}
SDK_CLIENTS = {
    "openai-chat": "openai_tools.py",
    "anthropic-messages": "anthropic_message.py",
    "openai-responses": "openai_response.py",
}


class Model:
    """The model's server, alive inside a `with` block."""

    def __enter__(self) -> "Model":
        self.process = subprocess.Popen(
            [sys.executable, HERE / "model.py", "--with-parent", "--cache"], stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise SystemExit("the model did not start; see above")
        self.url = line.split()[-1]
        return self

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def __exit__(self, *_) -> None:
        self.process.terminate()
        self.process.wait()


class Rigtape:
    """The binary under test."""

    def __init__(self, binary: str):
        self.binary = binary

    def recording(self, upstream: str, tape: pathlib.Path, command: list) -> subprocess.Popen:
        """Starts `command` behind a recorder."""
        return subprocess.Popen(
            [self.binary, "record", "--upstream", upstream, "-o", tape, "--", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def record(self, upstream: str, tape: pathlib.Path, command: list, statuses=(0,)) -> str:
        """Runs `command` behind a recorder and gives its output."""
        process = self.recording(upstream, tape, command)
        out, err = process.communicate(timeout=PATIENCE)
        if process.returncode not in statuses:
            raise AssertionError(f"record: status {process.returncode}: {err.strip()}")
        return out

    def replay(self, tape: pathlib.Path, form: str) -> bytes:
        replay = [self.binary, "replay", tape, "--format", form]
        done = subprocess.run(replay, capture_output=True, timeout=PATIENCE)
        if done.returncode != 0:
            raise AssertionError(f"replay: status {done.returncode}: {done.stderr.decode().strip()}")
        return done.stdout

    def raw(self, tape: pathlib.Path) -> bytes:
        return self.replay(tape, "raw")

    def transcripts(self, tape: pathlib.Path) -> list:
        return [json.loads(line) for line in self.replay(tape, "json").splitlines()]


def curl(dialect: str, body: pathlib.Path, rest: str) -> list:
    """A shell command that posts `body` with curl; `rest` says where the answer goes."""
    return ["sh", "-c", curl_line(dialect, body) + rest]


def curl_line(dialect: str, body: pathlib.Path) -> str:
    header = "-H 'content-type: application/json'"
    return f'curl -sN "{ROUTES[dialect]}" {header} --data-binary @{shlex.quote(str(body))} '


def sdk(dialect: str, body: pathlib.Path) -> list:
    return [sys.executable, CLIENTS / SDK_CLIENTS[dialect], body]


class Tape:
    """The lines of a tape, as the format's description has them."""

    def __init__(self, path: pathlib.Path):
        self.lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        self.chunks = [line for line in self.lines if isinstance(line, list)]

    def body(self, interaction: int) -> bytes:
        return b"".join(payload(chunk[2]) for chunk in self.chunks if chunk[0] == interaction)

    def ends(self) -> dict:
        return {line["end"]: line["how"] for line in self.lines if "end" in line}

    def requests(self) -> list:
        return [line["body"]["json"] for line in self.lines if "request" in line]


def payload(stored) -> bytes:
    return stored.encode() if isinstance(stored, str) else base64.b64decode(stored["base64"])


def wait_for_bytes(path: pathlib.Path, size: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while not (path.exists() and os.path.getsize(path) >= size):
        if time.monotonic() > deadline:
            raise AssertionError(f"no {size} bytes within {PATIENCE} s")
        time.sleep(0.02)
