"""Ask a chat model with the official SDK and print its text as it comes.

    OPENAI_BASE_URL=… python openai_text.py [BODY.json]

BODY.json is the body of a chat completion request. The last line says how it ended, on stderr.
"""

import json
import os
import sys

from openai import OpenAI

DEFAULT_BODY = {
    "model": os.environ.get("RIGTAPE_MODEL", "smollm2-135m-instruct"),
    "messages": [{"role": "user", "content": "What is the capital of France?"}],
    "max_tokens": 60,
    "temperature": 0,
    "stream": True,
    "stream_options": {"include_usage": True},
}


def main() -> None:
    body = json.load(open(sys.argv[1])) if len(sys.argv) > 1 else DEFAULT_BODY
    finish, usage = None, None
    for chunk in client().chat.completions.create(**body):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            print(choice.delta.content or "", end="", flush=True)
    print()
    print(f"finish {finish}, {usage.total_tokens if usage else 'unknown'} tokens", file=sys.stderr)


def client() -> OpenAI:
    # A retry would be one more request on the tape.
    return OpenAI(api_key=os.environ.get("OPENAI_API_KEY", "none"), max_retries=0)


if __name__ == "__main__":
    main()
