"""Ask a chat model with the official SDK and print the message that the SDK accumulates.

    OPENAI_BASE_URL=… python openai_tools.py [BODY.json]

BODY.json is the body of a chat completion request, streamed or not; without it, a question that is on
the tape cassettes/openai-chat/parallel_tools.jsonl. Prints one JSON object: id, model, status, choices
with text, finish_reason and tool_calls (id, name, arguments), usage. Exit status 1 when the server
answered with an error, when an answer broke off, or when arguments of a finished call are no JSON.
"""

import json
import sys

import scratch

scratch.need("openai")

import openai
from openai.lib.streaming.chat import ChatCompletionStreamState

from openai_text import body, client

# What the SDK's `create` has no parameter for goes into the body as it is.
EXTRA = {"grammar"}


def main() -> int:
    asked = body("parallel_tools")
    extra = {key: asked.pop(key) for key in EXTRA & asked.keys()}
    try:
        answer = client().chat.completions.create(**asked, extra_body=extra)
        if asked.get("stream"):
            answer = accumulate(answer)
    except openai.APIStatusError as error:
        print(json.dumps({"status": error.status_code, "error": error.body}))
        return 1
    print(json.dumps(seen(answer), ensure_ascii=False))
    return 0 if all(is_whole(choice) for choice in answer.choices) else 1


def is_whole(choice) -> bool:
    """The SDK takes a stream that broke off for an answer; the finish reason tells them apart."""
    if choice.finish_reason == "tool_calls":
        for call in choice.message.tool_calls or []:
            json.loads(call.function.arguments)
    return choice.finish_reason is not None


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
    sys.exit(main())
