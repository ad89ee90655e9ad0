"""Official SDKs through `rigtape serve`: each agent is recorded from the real model on loopback by
`--mode auto`, played back without it, and held against the transcript; see sdks.sh."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from harness import CLIENTS, PATIENCE, Model

from run import Report, same, text

NODE = pathlib.Path(os.environ["RIGTAPE_NODE"])
CASSETTES = CLIENTS.parent.parent / "cassettes"

# What is run, and whether its provider is one whose wire the model speaks well enough for it.
AGENTS = {
    "openai python, text": [sys.executable, CLIENTS / "openai_text.py"],
    "openai python, tools": [sys.executable, CLIENTS / "agent_loop.py"],
    "anthropic python, tools": [sys.executable, CLIENTS / "anthropic_agent.py"],
    "openai node, tools": ["node", NODE / "openai_agent.mjs"],
    "anthropic node, tools": ["node", NODE / "anthropic_agent.mjs"],
    "vercel ai, chat": ["node", NODE / "ai_sdk_agent.mjs", "chat"],
    "vercel ai, messages": ["node", NODE / "ai_sdk_agent.mjs", "anthropic"],
}
# llama.cpp's Responses wire lacks fields on which the Vercel AI SDK insists, so this tape is synthetic.
PLAYED = {
    "vercel ai, responses": (["node", NODE / "ai_sdk_agent.mjs", "responses"], "openai-responses/agent_loop"),
}
ERRORS = {
    "openai python": ([sys.executable, CLIENTS / "openai_tools.py"], "openai-chat/error_401"),
    "openai python, 400": ([sys.executable, CLIENTS / "openai_tools.py"], "openai-chat/error_400"),
    "anthropic python": ([sys.executable, CLIENTS / "anthropic_message.py", CLIENTS.parent / "live/requests/anthropic-messages/plain.json"], "anthropic-messages/error_529"),
    "openai node": (["node", NODE / "openai_agent.mjs"], "openai-chat/error_401"),
    "anthropic node": (["node", NODE / "anthropic_agent.mjs"], "anthropic-messages/error_400"),
    "vercel ai, responses": (["node", NODE / "ai_sdk_agent.mjs", "responses"], "openai-responses/error_429"),
    "vercel ai, chat": (["node", NODE / "ai_sdk_agent.mjs", "chat"], "openai-chat/error_401"),
}


def main() -> int:
    rigtape = sys.argv[1]
    work = pathlib.Path(tempfile.mkdtemp(prefix="rigtape-sdks."))
    for script in (CLIENTS / "node").glob("*.mjs"):
        shutil.copy(script, NODE)
    report = Report()
    recorded = {}
    with Model() as model:
        for name, command in AGENTS.items():
            tape = work / f"{re.sub('[^a-z]+', '-', name)}.jsonl"
            report.run(f"{name}: recorded", record, rigtape, model, tape, command, recorded)
    for name, command in AGENTS.items():
        if name in recorded:
            tape, out = recorded[name]
            report.run(f"{name}: played", played, rigtape, tape, command, out)
            report.run(f"{name}: transcript", transcript, rigtape, tape, out, name == "vercel ai, messages")
            if "text" not in name:
                report.run(f"{name}: miss", miss, rigtape, tape, command)
    for name, (command, tape) in PLAYED.items():
        report.run(f"{name}: played and transcript", played_tape, rigtape, CASSETTES / f"{tape}.jsonl", command)
    for name, (command, tape) in ERRORS.items():
        report.run(f"{name}: error of {tape}", error, rigtape, CASSETTES / f"{tape}.jsonl", command)
    return report.close(work)


def serve(rigtape, tape, command, *options, env=None) -> subprocess.CompletedProcess:
    return subprocess.run(
        [rigtape, "serve", *options, tape, "--", *command], capture_output=True, text=True, timeout=PATIENCE, env=env
    )


def record(rigtape, model, tape, command, recorded) -> None:
    # On a machine of CI `auto` only replays; what is tested here is everybody else's.
    env = {key: value for key, value in os.environ.items() if key != "CI"}
    env |= {"OPENAI_BASE_URL": f"{model.url}/v1", "ANTHROPIC_BASE_URL": model.url}
    env |= {"OPENAI_API_KEY": "none", "ANTHROPIC_API_KEY": "none"}
    done = serve(rigtape, tape, command, "--mode", "auto", env=env)
    same("status", (done.returncode, done.stderr[-600:] if done.returncode else ""), (0, ""))
    recorded[tape_name(tape, recorded)] = (tape, done.stdout)


def tape_name(tape, recorded) -> str:
    return next(name for name in AGENTS if re.sub("[^a-z]+", "-", name) == tape.stem)


def played(rigtape, tape, command, out) -> None:
    done = serve(rigtape, tape, command)
    same("status", (done.returncode, done.stderr[-600:] if done.returncode else ""), (0, ""))
    same("output", done.stdout, out)


def played_tape(rigtape, tape, command) -> None:
    done = serve(rigtape, tape, command)
    same("status", (done.returncode, done.stderr[-600:] if done.returncode else ""), (0, ""))
    transcript(rigtape, tape, done.stdout)


def transcripts(rigtape, tape) -> list:
    out = subprocess.run([rigtape, "replay", tape, "--format", "json"], capture_output=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def transcript(rigtape, tape, out, counts_cached=False) -> None:
    ours = transcripts(rigtape, tape)
    if counts_cached:
        # This client counts what was read from a cache among the input; the wire states it apart.
        for our in ours:
            our["usage"]["input_tokens"] += our["usage"]["cached_input_tokens"] or 0
    if not out.startswith("{"):
        # The clients for people print the last turn's text.
        return same("text", text(ours[-1]["choices"][0]).strip(), out.strip().splitlines()[-1])
    turns = [turn.get("choices", [turn])[0] | {"usage": turn["usage"]} for turn in map(json.loads, out.splitlines())]
    same("turns", len(ours), len(turns))
    for our, turn in zip(ours, turns):
        same("ending", our["ending"], "complete")
        choice = our["choices"][0]
        same("text", text(choice), turn["text"])
        if "finish_reason" in turn:
            same("finish_reason", choice["finish_reason"], turn["finish_reason"])
        calls = [part for part in choice["parts"] if part["type"] == "tool_call"]
        same("tool calls", [{key: call[key] for key in theirs} for call, theirs in zip(calls, turn["tool_calls"])], turn["tool_calls"])
        same("usage", {key: our["usage"][key] for key in turn["usage"]}, turn["usage"])


def miss(rigtape, tape, command) -> None:
    """Another question than the recorded one: the SDK's own error says what differs."""
    done = serve(rigtape, tape, command + (["Bergen"] if "agent_loop.py" in str(command[-1]) else []),
                 env=os.environ | {"CITY": "Bergen"})
    same("status is not 0", done.returncode != 0, True)
    shown = done.stdout + done.stderr.split("listening on", 1)[-1]
    for word in ("rigtape", "Oslo", "Bergen", "/messages" if "/messages" in shown else "/input"):
        same(f"{word} in what the user sees", word in shown, True)


def error(rigtape, tape, command) -> None:
    done = serve(rigtape, tape, command, "--match", "ignore=/**", "--allow-unused")
    message = (transcripts(rigtape, tape)[0]["error"] or {}).get("message")
    same("the client failed", done.returncode, 1)
    same("a message on the tape", bool(message), True)
    seen = json.loads(done.stdout.splitlines()[-1])
    status = json.loads(next(line for line in tape.read_text().splitlines() if '"response"' in line[:12]))["status"]
    same("status", seen["status"], status)
    same("message", message in json.dumps(seen["error"], ensure_ascii=False), True)


if __name__ == "__main__":
    sys.exit(main())
