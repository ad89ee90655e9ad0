"""What `rigtape drill` says of clients whose defect is known; see drill.sh."""

import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time

RIGTAPE = sys.argv[1]
TAPES = pathlib.Path("cassettes/openai-chat")
CLIENTS = pathlib.Path("tests/clients")

# Script, tape, and the fault that has to convict it by one line.
BROKEN = [
    ("utf8_per_chunk", "utf8_split", "split:byte="),
    ("eof_is_success", "parallel_tools", "cut:frame="),
    ("split_per_chunk", "parallel_tools", "split:byte="),
    ("chokes_on_comments", "parallel_tools", "comment:frame="),
    ("trusts_tool_index", "parallel_tools", "omit-tool-index'"),
    ("trusts_tool_index", "parallel_tools", "reuse-tool-index'"),
    ("ignores_error", "parallel_tools", "error:frame="),
]
# The fault that each is drilled with, and one that it does right.
ALSO = "bad-json"

failed = 0


def check(what: str, good: bool, more: str = ""):
    global failed
    failed += not good
    print(f"{'ok  ' if good else 'FAIL'} {what}", flush=True)
    if not good and more:
        print(more)


def drill(tape: str, *arguments):
    started = time.monotonic()
    ran = subprocess.run([RIGTAPE, "drill", tape, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return ran, time.monotonic() - started


def right():
    for name in ["parallel_tools", "utf8_split"]:
        tape = str(TAPES / f"{name}.jsonl")
        ran, _ = drill(tape, "--bytes", "4", "--", sys.executable, str(CLIENTS / "correct.py"), tape)
        check(f"correct.py passes everything on {name}", ran.returncode == 0, ran.stdout + ran.stderr)
        print(f"     {ran.stdout.splitlines()[-1] if ran.stdout else ''}")


def broken(script: str, name: str, fault: str):
    tape = str(TAPES / f"{name}.jsonl")
    command = [sys.executable, str(CLIENTS / f"broken/{script}.py"), tape]
    only = fault.strip("'").split(":")[0]
    ran, _ = drill(tape, "--bytes", "2", "--only", only, "--only", ALSO, "--", *command)
    lines = [line.strip() for line in ran.stdout.splitlines()]
    start = f"rigtape serve {tape} --fault '{fault}"
    found = [line for line in lines if line.startswith(start)]
    check(f"{script}.py is convicted: {found[0] if found else start}", ran.returncode == 1 and bool(found), ran.stdout + ran.stderr)
    wrong = [line for line in lines if line.startswith("rigtape serve") and f"'{ALSO}" in line]
    check(f"{script}.py is not convicted by {ALSO}", not wrong, ran.stdout)
    if found:
        again = subprocess.run(shlex.join([RIGTAPE]) + found[0].removeprefix("rigtape"), shell=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        alone = subprocess.run([RIGTAPE, "serve", tape, "--", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        same = (again.returncode, again.stdout) == (alone.returncode, alone.stdout)
        benign = not fault.startswith(("cut", "error"))
        check(f"{script}.py does it again by that line", not same if benign else again.returncode == 0, again.stdout + again.stderr)


def fast():
    """500 mutants of 100 chunks with a client that starts at once."""
    client = pathlib.Path(os.environ.get("RIGTAPE_CLIENT", "target/debug/examples/chat_client"))
    if not client.exists():
        print(f"skip the speed of 500 mutants: no {client} (cargo build --example chat_client)")
        return
    with tempfile.TemporaryDirectory() as folder:
        tape = pathlib.Path(folder) / "hundred.jsonl"
        tape.write_text("".join(json.dumps(line) + "\n" for line in hundred()))
        ran, took = drill(str(tape), "--bytes", "140", "--format", "json", "--", str(client.resolve()), str(tape))
        report = json.loads(ran.stdout or "{}")
        runs = len(report["report"]["runs"]) if report else 0
        check(f"{runs} mutants of a tape of 100 chunks took {took:.1f} s", runs >= 500 and took < 30, ran.stderr)
        check("chat_client passes them all", bool(report) and report["ok"], ran.stdout[-2000:])


def hundred():
    """A tape of a hundred chunks, one frame each."""
    frame = lambda delta, finish=None: "data: " + json.dumps({"id": "a", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}) + "\n\n"
    frames = [frame({"role": "assistant", "content": ""}), *(frame({"content": f" w{i}"}) for i in range(97)), frame({}, "stop"), "data: [DONE]\n\n"]
    body = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "count"}]})
    yield {"rigtape": 1, "synthetic": True}
    yield {"request": 1, "at": 0, "started": "2026-11-22T12:00:00Z", "method": "POST", "target": "/v1/chat/completions", "headers": [["content-type", "application/json"]], "body": body}
    yield {"response": 1, "at": 1000, "status": 200, "framing": "chunked", "headers": [["content-type", "text/event-stream"]]}
    for number, of in enumerate(frames):
        yield [1, 2000 + 100 * number, of]
    yield {"end": 1, "at": 20000, "how": "complete"}


if __name__ == "__main__":
    for of in BROKEN:
        broken(*of)
    right()
    fast()
    sys.exit(1 if failed else 0)
