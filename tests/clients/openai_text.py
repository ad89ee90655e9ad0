"""Ask a chat model with the official SDK and print its text as it comes.

    OPENAI_BASE_URL=… python openai_text.py [BODY.json]

BODY.json is the body of a chat completion request; without it, a question that is on the tape
cassettes/openai-chat/usage_tail.jsonl. How it ended is said on stderr; exit status 1 when it did not.
"""

import json
import os
import pathlib
import sys

import scratch

scratch.need("openai")

from openai import OpenAI

REQUESTS = pathlib.Path(__file__).resolve().parent.parent / "live/requests/openai-chat"


def main() -> int:
    finish, usage = None, None
    for chunk in client().chat.completions.create(**body("usage_tail")):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            print(choice.delta.content or "", end="", flush=True)
    print()
    print(f"finish {finish}, {usage.total_tokens if usage else 'unknown'} tokens", file=sys.stderr)
    return 0 if finish else 1


def body(default: str) -> dict:
    """The body of the request that was asked for, else of the one by that name."""
    return json.loads(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else REQUESTS / f"{default}.json").read_text())


def client() -> OpenAI:
    # A retry would be one more request on the tape.
    return OpenAI(api_key=os.environ.get("OPENAI_API_KEY", "none"), max_retries=0)


if __name__ == "__main__":
    sys.exit(main())
