"""A two-turn agent on the official SDK, over the Messages wire: a tool call, its result, the answer.

    ANTHROPIC_BASE_URL=… python anthropic_agent.py

Both turns are streamed. Prints what each turn came to, as one JSON object a line; exit status 1 when
the model did not call the tool.
"""

import json
import os
import sys

import scratch

scratch.need("anthropic")

import anthropic

from agent_loop import MODEL, TOOLS, get_weather, solved_turns
from anthropic_message import seen

CITY = os.environ.get("CITY", "Oslo")


def main() -> int:
    client = anthropic.Anthropic(api_key=os.environ.get("ANTHROPIC_API_KEY", "none"), max_retries=0)
    messages = [over_messages(message) for message in solved_turns()]
    messages.append({"role": "user", "content": f"What is the weather in {CITY}?"})
    called = False
    while True:
        with client.messages.stream(
            model=MODEL, max_tokens=80, messages=messages, tools=[over_messages_tool(TOOLS[0])],
            extra_body={"temperature": 0},
        ) as stream:
            answer = stream.get_final_message()
        print(json.dumps(seen(answer), ensure_ascii=False), flush=True)
        calls = [block for block in answer.content if block.type == "tool_use"]
        if not calls:
            return 0 if called else 1
        called = True
        messages.append({"role": "assistant", "content": [block.to_dict() for block in answer.content]})
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": get_weather(**call.input)} for call in calls
        ]
        messages.append({"role": "user", "content": results})


def over_messages(message: dict) -> dict:
    """A message of Chat Completions as this wire has it."""
    if calls := message.get("tool_calls"):
        blocks = [
            {
                "type": "tool_use",
                "id": call["id"],
                "name": call["function"]["name"],
                "input": json.loads(call["function"]["arguments"]),
            }
            for call in calls
        ]
        return {"role": "assistant", "content": blocks}
    if message["role"] == "tool":
        result = {"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": message["content"]}
        return {"role": "user", "content": [result]}
    return message


def over_messages_tool(tool: dict) -> dict:
    function = tool["function"]
    return {
        "name": function["name"],
        "description": function["description"],
        "input_schema": function["parameters"],
    }


if __name__ == "__main__":
    sys.exit(main())
