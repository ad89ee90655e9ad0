"""Public clients put through `rigtape drill`, and a page about it; see field.sh."""

import importlib.metadata
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CLIENTS = pathlib.Path("tests/clients")
NODE = pathlib.Path(os.environ["RIGTAPE_NODE"])
BINARIES = pathlib.Path(os.environ["FIELD_TARGET"]) / "debug"
PAGE = ROOT / "docs/drill-results.md"
# What was drilled before, for a page when only some clients are drilled again.
RESULTS = NODE.parent / "field-results"

# What every drill is told: a sweep that ends in minutes for clients that take a second to start.
SWEEP = ["--bytes", "4", "--timeout", "10"]

CHAT = "cassettes/openai-chat/parallel_tools.jsonl"
MESSAGES = "cassettes/anthropic-messages/parallel_tools.jsonl"
RESPONSES = "cassettes/openai-responses/agent_loop.jsonl"
# The clients in Rust build their own request; the answer is what is drilled.
OWN_REQUEST = ["--match", "ignore=/*"]


def python(script, tape):
    return [sys.executable, CLIENTS / script, tape]


def node(script, *arguments):
    return ["node", NODE / script, *arguments]


# Name: kind and package, tape, command, more for the drill, what has to be known about the program.
FIELD = {
    "openai-python": (
        ("python", "openai"), CHAT, [sys.executable, CLIENTS / "openai_tools.py"], [],
        "`create` and `ChatCompletionStreamState`. The SDK hands out an answer without a finish reason as it is; "
        "the program looks, and fails.",
    ),
    "openai-node": (
        ("node", "openai"), CHAT, node("openai_stream.mjs", CHAT), [],
        "`chat.completions.stream` and `finalChatCompletion`; the program parses arguments.",
    ),
    "anthropic-python": (
        ("python", "anthropic"), MESSAGES, python("anthropic_stream.py", MESSAGES), [],
        "`messages.stream` and `get_final_message`. The SDK hands out a message without a stop reason as it is; "
        "the program looks, and fails.",
    ),
    "anthropic-node": (
        ("node", "@anthropic-ai/sdk"), MESSAGES, node("anthropic_stream.mjs", MESSAGES), [],
        "`messages.stream` and `finalMessage`; the program looks at the stop reason, too.",
    ),
    "vercel-ai": (
        ("node", "ai"), RESPONSES, node("ai_sdk_agent.mjs", "responses"), [],
        "An agent of two turns over Responses: `streamText`, `consumeStream`, `steps`. It prints no finish reason, "
        "and does not look at it.",
    ),
    "eventsource-stream": (
        ("rust", "eventsource-stream"), CHAT, [BINARIES / "eventsource_stream"], OWN_REQUEST,
        "The loop that most code on this crate is: it reads until `[DONE]` or until the events end, and does not "
        "look at the finish reason. What it is convicted of is that loop's, not the crate's.",
    ),
    "async-openai": (
        ("rust", "async-openai"), CHAT, [BINARIES / "async_openai"], OWN_REQUEST,
        "`create_stream`; joining the chunks, looking at the finish reason and parsing arguments is the program's.",
    ),
    "rig-core": (
        ("rust", "rig-core"), CHAT, [BINARIES / "rig_core"], OWN_REQUEST,
        "`Model::stream` and `finish`; the program looks at the finish reason, too. rig-core parses arguments itself.",
    ),
    "genai": (
        ("rust", "genai"), CHAT, [BINARIES / "genai"], OWN_REQUEST,
        "`exec_chat_stream` with captured content; the program looks at the stop reason, too, and wants arguments to be "
        "an object.",
    ),
}


def main() -> int:
    rigtape, wanted = sys.argv[1], sys.argv[2:]
    for script in (ROOT / CLIENTS / "node").glob("*.mjs"):
        shutil.copy(script, NODE)
    drilled = {}
    for name in wanted or FIELD:
        kind, tape, command, more, _ = FIELD[name]
        arguments = [rigtape, "drill", tape, *SWEEP, *more, "--format", "json", "--", *map(str, command)]
        environment = os.environ | {"RUST_BACKTRACE": "0"}
        ran = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        if ran.returncode not in (0, 1):
            print(f"{name}: {ran.stderr.strip()}", file=sys.stderr)
            return 1
        print(f"{name} {version(kind)}: {ran.stderr.strip().splitlines()[-1]}", flush=True)
        drilled[name] = json.loads(ran.stdout)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(ran.stdout)
    for name in FIELD.keys() - drilled.keys():
        if (RESULTS / f"{name}.json").exists():
            drilled[name] = json.loads((RESULTS / f"{name}.json").read_text())
    PAGE.write_text("\n".join(page({name: drilled[name] for name in FIELD if name in drilled})) + "\n")
    return 0


def version(kind) -> str:
    where, package = kind
    if where == "python":
        return importlib.metadata.version(package)
    if where == "node":
        return json.loads((NODE / "node_modules" / package / "package.json").read_text())["version"]
    lock = tomllib.loads((ROOT / CLIENTS / "field/Cargo.lock").read_text())
    return next(of["version"] for of in lock["package"] if of["name"] == package)


def page(drilled: dict) -> list[str]:
    lines = [
        "# Drill results",
        "",
        "What public clients make of a stream with something wrong, written by `tests/live/field.sh`. Each row is",
        "a small program on the named library, put through `rigtape drill` with one recorded answer; only what was",
        "run is here. A conviction says that the program, as it is, takes a broken answer for a whole one, does not",
        "take a sound one, or does not end. Where the library leaves a check to its user, the program makes it if",
        "the library's own examples or documentation do, and the notes say so. [`drill.md`](drill.md) says how runs",
        f"are judged. Every drill had the flags `{' '.join(SWEEP)}`.",
        "",
        "| client | version | runs | passed | not judged | do not apply | convicted |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, drill in drilled.items():
        runs = drill["report"]["runs"]
        count = lambda verdict: sum(run["verdict"] == verdict for run in runs)
        lines.append(
            f"| {name} | {version(FIELD[name][0])} | {len(runs)} | {count('passed')} | {count('reported')} "
            f"| {len(drill['report']['unfit'])} | {drill['convicted']} |"
        )
    lines += ["", "## Fault by client", ""]
    lines += ["Convictions of all runs that were judged; `·` is none, an empty cell was not judged or does not apply.", ""]
    names = list(drilled)
    lines.append("| fault | class | " + " | ".join(names) + " |")
    lines.append("|---|---|" + "---|" * len(names))
    rows = {}
    for name in names:
        for row in drilled[name]["matrix"]:
            if row["class"] != "undetectable" or row["convicted"]:
                rows.setdefault((row["fault"], row["class"]), {})[name] = row
    order = json.loads("[" + ",".join(faults().splitlines()) + "]")
    order = [fault["name"] for fault in order]
    for fault, of_class in sorted(rows, key=lambda row: (order.index(row[0]), row[1])):
        cells = [cell(rows[fault, of_class].get(name)) for name in names]
        lines.append(f"| `{fault}` | {of_class} | " + " | ".join(cells) + " |")
    for name, drill in drilled.items():
        lines += ["", *client(name, drill)]
    return lines


def faults() -> str:
    return subprocess.run([sys.argv[1], "faults", "--format", "json"], stdout=subprocess.PIPE, text=True, check=True).stdout


def cell(row) -> str:
    if not row:
        return ""
    runs = sum(row[outcome] for outcome in ("same", "other", "failed", "crashed", "hung"))
    return f"**{row['convicted']}** of {runs}" if row["convicted"] else "·"


def client(name: str, drill: dict) -> list[str]:
    kind, tape, _, _, note = FIELD[name]
    lines = [f"## {name} {version(kind)}", "", f"{note} Tape: `{tape}`."]
    groups = {}
    for run in drill["report"]["runs"]:
        if run["verdict"] == "convicted":
            groups.setdefault((run["name"], run["class"], run["outcome"]), []).append(run)
    if not groups:
        return lines + ["", "Convicted of nothing."]
    lines += ["", "| fault | class | outcome | runs | for example | what it did |", "|---|---|---|---|---|---|"]
    for (fault, of_class, outcome), runs in groups.items():
        example = runs[0]
        spelled = " ".join(f"`{one}`" for one in example["faults"])
        if example["interaction"] > 1:
            spelled += f" at {example['interaction']}"
        lines.append(f"| `{fault}` | {of_class} | {outcome} | {len(runs)} | {spelled} | {told(example['detail'])} |")
    return lines


def told(detail: str) -> str:
    """One cell of a table, without this machine's paths."""
    for path in (str(ROOT), str(NODE), str(BINARIES)):
        detail = detail.replace(path, "…")
    detail = re.sub(r"/\S*/registry/src/[^/]+/", "", detail)
    detail = re.sub(r"(thread '[^']*') \(\d+\)", r"\1", detail)
    detail = " ".join(detail.split()).replace("|", "\\|")
    return detail if len(detail) <= 160 else detail[:159] + "…"


if __name__ == "__main__":
    sys.exit(main())
