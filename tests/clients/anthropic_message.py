"""Ask a model over the Messages wire with the official SDK and print what the SDK accumulates.

    ANTHROPIC_BASE_URL=… python anthropic_message.py BODY.json

Prints the same JSON object as openai_tools.py.
"""

import json
import os
import sys

import scratch

scratch.need("anthropic")

import anthropic

# What the SDK has no parameter for goes into the body as it is.
EXTRA = {"temperature"}


def main() -> int:
    body = json.load(open(sys.argv[1]))
    body["extra_body"] = {key: body.pop(key) for key in EXTRA & body.keys()}
    api_key = os.environ.get("ANTHROPIC_API_KEY", "none")
    messages = anthropic.Anthropic(api_key=api_key, max_retries=0).messages
    try:
        if body.pop("stream", False):
            with messages.stream(**body) as stream:
                answer = stream.get_final_message()
        else:
            answer = messages.create(**body)
    except anthropic.APIStatusError as error:
        print(json.dumps({"status": error.status_code, "error": error.body}))
        return 1
    print(json.dumps(seen(answer), ensure_ascii=False))
    return 0


def seen(answer) -> dict:
    return {
        "id": answer.id,
        "model": answer.model,
        "status": 200,
        "choices": [
            {
                "index": 0,
                "text": "".join(block.text for block in answer.content if block.type == "text"),
                "finish_reason": answer.stop_reason,
                "tool_calls": [
                    # The SDK keeps the parsed input, not the text it was parsed from.
                    {"id": block.id, "name": block.name, "arguments_json": block.input}
                    for block in answer.content
                    if block.type == "tool_use"
                ],
            }
        ],
        "usage": {
            "input_tokens": answer.usage.input_tokens,
            "output_tokens": answer.usage.output_tokens,
        },
    }


if __name__ == "__main__":
    sys.exit(main())
