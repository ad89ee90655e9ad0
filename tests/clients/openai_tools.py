"""Ask a chat model with the official SDK and print the message that the SDK accumulates.

    OPENAI_BASE_URL=… python openai_tools.py BODY.json

BODY.json is the body of a chat completion request, streamed or not. Prints one JSON object:
id, model, status, choices with text, finish_reason and tool_calls (id, name, arguments), usage.
"""

import json
import sys

import openai
from openai.lib.streaming.chat import ChatCompletionStreamState

from openai_text import client

# What the SDK's `create` has no parameter for goes into the body as it is.
EXTRA = {"grammar"}


def main() -> None:
    body = json.load(open(sys.argv[1]))
    extra = {key: body.pop(key) for key in EXTRA & body.keys()}
    try:
        answer = client().chat.completions.create(**body, extra_body=extra)
        if body.get("stream"):
            answer = accumulate(answer)
    except openai.APIStatusError as error:
        print(json.dumps({"status": error.status_code, "error": error.body}))
        return
    print(json.dumps(seen(answer), ensure_ascii=False))


def accumulate(stream):
    state = ChatCompletionStreamState()
    for chunk in stream:
        state.handle_chunk(chunk)
    return state.current_completion_snapshot


def seen(answer) -> dict:
    return {
        "id": answer.id,
        "model": answer.model,
        "status": 200,
        "choices": [
            {
                "index": choice.index,
                "text": choice.message.content or "",
                "finish_reason": choice.finish_reason,
                "tool_calls": [
                    {"id": call.id, "name": call.function.name, "arguments": call.function.arguments}
                    for call in choice.message.tool_calls or []
                ],
            }
            for choice in answer.choices
        ],
        "usage": answer.usage and {
            "input_tokens": answer.usage.prompt_tokens,
            "output_tokens": answer.usage.completion_tokens,
            "total_tokens": answer.usage.total_tokens,
        },
    }


if __name__ == "__main__":
    main()
