"""The live test's checks; see run.sh."""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

from harness import (
    CLIENTS, PATIENCE, REQUESTS, ROUTES, Model, Rigtape, Tape, curl, curl_line, sdk, wait_for_bytes,
)

# Real streams that the SDK's own accumulator fails on; rigtape must take them all the same.
SDK_CANNOT = {
    # A choice that is not in the first chunk.
    "openai-chat/n_choices",
    # llama.cpp leaves message_start out when the first token is half a character.
    "anthropic-messages/torn_first_token",
}
# Recorded with a server that pings; here only their bytes would be the same.
NOT_HERE = {"openai-chat/comments", "openai-chat/long", "anthropic-messages/long", "openai-responses/long"}


def main() -> int:
    rigtape = Rigtape(sys.argv[1])
    dialects = sys.argv[2:] or list(ROUTES)
    if unknown := set(dialects) - set(ROUTES):
        print(f"run: unknown dialect {', '.join(unknown)}; there are {', '.join(ROUTES)}", file=sys.stderr)
        return 2
    work = pathlib.Path(tempfile.mkdtemp(prefix="rigtape-live-run."))
    report = Report()
    with Model() as model:
        for dialect in dialects:
            for body in sorted((REQUESTS / dialect).glob("*.json")):
                name = f"{dialect}/{body.stem}"
                if name in NOT_HERE:
                    continue
                report.run(f"{name} bytes", bytes_are_curls, rigtape, model, dialect, body, work)
                if name in SDK_CANNOT:
                    report.run(f"{name} transcript", transcript_of_curls, rigtape, dialect, body, work)
                else:
                    report.run(f"{name} sdk", transcript_is_the_sdks, rigtape, model, dialect, body, work)
        if "openai-chat" in dialects:
            report.run("agent loop", agent_loop, rigtape, model, work)
            report.run("two streams at once", two_streams, rigtape, model, work)
            report.run("client left", client_left, rigtape, model, work)
    if "openai-chat" in dialects:
        report.run("server killed", server_killed, rigtape, work)
    return report.close(work)


def bytes_are_curls(rigtape, model, dialect, body, work) -> None:
    tape, got = work / f"{dialect}.{body.stem}.jsonl", work / f"{dialect}.{body.stem}.body"
    rigtape.record(model.url, tape, curl(dialect, body, f"-o '{got}'"))
    same("raw", rigtape.raw(tape), got.read_bytes())
    same("the tape's own bytes", Tape(tape).body(1), got.read_bytes())
    same("end", Tape(tape).ends(), {1: "complete"})


def transcript_is_the_sdks(rigtape, model, dialect, body, work) -> None:
    tape = work / f"{dialect}.{body.stem}.sdk.jsonl"
    # A request that is refused is told by the client's status, too.
    seen = json.loads(rigtape.record(model.url, tape, sdk(dialect, body), statuses=(0, 1)))
    [transcript] = rigtape.transcripts(tape)
    same("dialect", transcript["dialect"], dialect)
    same("status", transcript["status"], seen["status"])
    if "error" in seen:
        same("ending", transcript["ending"], "errored")
        error = seen["error"].get("error", seen["error"])
        same("error", error["message"] in json.dumps(transcript["error"]), True)
        return
    same("ending", transcript["ending"], "complete")
    same("violations", transcript["violations"], [])
    same("response_id", transcript["response_id"], seen["id"])
    same("model", transcript["model"], seen["model"])
    same("choices", len(transcript["choices"]), len(seen["choices"]))
    for ours, theirs in zip(transcript["choices"], seen["choices"]):
        same("index", ours["index"], theirs["index"])
        same("text", text(ours), theirs["text"])
        same("finish_reason", ours["finish_reason"], theirs["finish_reason"])
        calls = [part for part in ours["parts"] if part["type"] == "tool_call"]
        same("tool calls", len(calls), len(theirs["tool_calls"]))
        for call, their_call in zip(calls, theirs["tool_calls"]):
            same("tool call", {key: call[key] for key in their_call}, their_call)
    usage = transcript["usage"] or {}
    same("usage", {key: usage.get(key) for key in seen["usage"] or {}}, seen["usage"] or {})


def transcript_of_curls(rigtape, dialect, body, work) -> None:
    [transcript] = rigtape.transcripts(work / f"{dialect}.{body.stem}.jsonl")
    same("dialect", transcript["dialect"], dialect)
    same("ending", transcript["ending"], "complete")
    same("text in every choice", all(text(choice) for choice in transcript["choices"]), True)


def agent_loop(rigtape, model, work) -> None:
    tape = work / "agent_loop.jsonl"
    out = rigtape.record(model.url, tape, [sys.executable, CLIENTS / "agent_loop.py"])
    call, answer = rigtape.transcripts(tape)
    [opened] = [part for part in call["choices"][0]["parts"] if part["type"] == "tool_call"]
    same("first finish", call["choices"][0]["finish_reason"], "tool_calls")
    same("answer", text(answer["choices"][0]), out.splitlines()[-1])
    sent_back = [message.get("tool_call_id") for message in Tape(tape).requests()[1]["messages"]]
    same("the call's id in the second request", opened["id"] in sent_back, True)


def two_streams(rigtape, model, work) -> None:
    tape, one, two = work / "two.jsonl", work / "two.1", work / "two.2"
    left = curl_line("openai-chat", REQUESTS / "openai-chat/long.json") + f"-o '{one}'"
    right = curl_line("openai-chat", REQUESTS / "openai-chat/long.json") + f"-o '{two}'"
    rigtape.record(model.url, tape, ["sh", "-c", f"{left} & {right} & wait"])
    lines = Tape(tape)
    bodies = sorted(lines.body(interaction) for interaction in (1, 2))
    same("bodies", bodies, sorted([one.read_bytes(), two.read_bytes()]))
    same("ends", lines.ends(), {1: "complete", 2: "complete"})
    order = [chunk[0] for chunk in lines.chunks]
    same("interleaved", sum(a != b for a, b in zip(order, order[1:])) > 1, True)
    same("transcripts", [t["ending"] for t in rigtape.transcripts(tape)], ["complete"] * 2)


def client_left(rigtape, model, work) -> None:
    tape, got = work / "left.jsonl", work / "left.body"
    rigtape.record(model.url, tape, curl("openai-chat", REQUESTS / "openai-chat/long.json", f"| head -c 3000 >'{got}'"))
    same("end", Tape(tape).ends(), {1: "cancelled"})
    same("the client's bytes first", rigtape.raw(tape)[:3000], got.read_bytes())
    same("ending", [t["ending"] for t in rigtape.transcripts(tape)], ["truncated"])


def server_killed(rigtape, work) -> None:
    tape, got = work / "killed.jsonl", work / "killed.body"
    with Model() as model:
        command = curl("openai-chat", REQUESTS / "openai-chat/long.json", f"-o '{got}'")
        recorder = rigtape.recording(model.url, tape, command)
        wait_for_bytes(got, 3000)
        model.kill()
        recorder.communicate(timeout=PATIENCE)
    same("curl saw the cut", recorder.returncode != 0, True)
    same("raw", rigtape.raw(tape), got.read_bytes())
    [how] = Tape(tape).ends().values()
    same("end is eof or reset", how in ("eof", "reset"), True)
    same("ending", [t["ending"] for t in rigtape.transcripts(tape)], ["truncated"])


def text(choice: dict) -> str:
    return "".join(part["text"] for part in choice["parts"] if part["type"] == "text")


def same(what: str, ours, theirs) -> None:
    if ours != theirs:
        raise AssertionError(f"{what}: rigtape has {shown(ours)}, the live client saw {shown(theirs)}")


def shown(value) -> str:
    value = repr(value)
    return value if len(value) <= 300 else f"{value[:140]} … {value[-140:]} ({len(value)} characters)"


class Report:
    def __init__(self):
        self.passed, self.failed = 0, 0

    def run(self, name: str, check, *arguments) -> None:
        try:
            check(*arguments)
        except (AssertionError, ValueError, KeyError, OSError, TypeError, subprocess.TimeoutExpired) as error:
            self.failed += 1
            print(f"FAIL {name}: {type(error).__name__ if not str(error) else error}", flush=True)
        else:
            self.passed += 1
            print(f"ok   {name}", flush=True)

    def close(self, work: pathlib.Path) -> int:
        if self.failed:
            print(f"tapes are kept in {work}")
        else:
            shutil.rmtree(work)
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


if __name__ == "__main__":
    sys.exit(main())
