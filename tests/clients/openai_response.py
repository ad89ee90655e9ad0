"""Ask a model over the Responses wire with the official SDK and print what it ends up with.

    OPENAI_BASE_URL=… python openai_response.py BODY.json

Prints the same JSON object as openai_tools.py. The finish reason of this wire is the status.
"""

import json
import sys

import scratch

scratch.need("openai")

import openai

from openai_text import client

EXTRA = {"grammar"}


def main() -> int:
    body = json.load(open(sys.argv[1]))
    extra = {key: body.pop(key) for key in EXTRA & body.keys()}
    try:
        answer = client().responses.create(**body, extra_body=extra)
        if body.get("stream"):
            answer = last_response(answer)
    except openai.APIStatusError as error:
        print(json.dumps({"status": error.status_code, "error": error.body}))
        return 1
    print(json.dumps(seen(answer), ensure_ascii=False))
    return 0


def last_response(events):
    """The response that the terminal event carries."""
    response = None
    for event in events:
        if event.type in ("response.completed", "response.incomplete", "response.failed"):
            response = event.response
    if response is None:
        raise SystemExit("openai_response: the stream ended without its terminal event")
    return response


def seen(answer) -> dict:
    return {
        "id": answer.id,
        "model": answer.model,
        "status": 200,
        "choices": [
            {
                "index": 0,
                "text": "".join(
                    part.text
                    for item in answer.output
                    if item.type == "message"
                    for part in item.content
                    if part.type == "output_text"
                ),
                "finish_reason": answer.status,
                "tool_calls": [
                    {"id": item.call_id, "name": item.name, "arguments": item.arguments}
                    for item in answer.output
                    if item.type == "function_call"
                ],
            }
        ],
        "usage": answer.usage and {
            "input_tokens": answer.usage.input_tokens,
            "output_tokens": answer.usage.output_tokens,
            "total_tokens": answer.usage.total_tokens,
        },
    }


if __name__ == "__main__":
    sys.exit(main())
