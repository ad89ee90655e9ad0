"""A two-turn agent on the official SDK: the model calls a tool, gets its result, and answers.

    OPENAI_BASE_URL=… python agent_loop.py [CITY]

Both turns are streamed. Prints the call, its result and the answer, a line each; exit status 1
when the model did not call the tool.
"""

import json
import os
import sys

import scratch

scratch.need("openai")

from openai.lib.streaming.chat import ChatCompletionStreamState

from openai_text import client

MODEL = os.environ.get("RIGTAPE_MODEL", "smollm2-135m-instruct")
WEATHER = {"Oslo": "7 degrees, rain", "Bergen": "9 degrees, fog"}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Current weather of a city",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string", "description": "Name of the city"}},
                "required": ["city"],
            },
        },
    }
]


def main() -> int:
    city = sys.argv[1] if len(sys.argv) > 1 else "Oslo"
    messages = solved_turns() + [{"role": "user", "content": f"What is the weather in {city}?"}]

    asked = turn(messages)
    if not asked.tool_calls:
        print(f"no tool call, but: {asked.content}", file=sys.stderr)
        return 1
    messages.append({
        "role": "assistant",
        "content": asked.content,
        "tool_calls": [
            {"id": c.id, "type": "function", "function": {"name": c.function.name, "arguments": c.function.arguments}}
            for c in asked.tool_calls
        ],
    })
    for call in asked.tool_calls:
        result = get_weather(**json.loads(call.function.arguments))
        print(f"{call.function.name}({call.function.arguments}) = {result}", flush=True)
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})

    print(turn(messages).content)
    return 0


def turn(messages):
    state = ChatCompletionStreamState()
    stream = client().chat.completions.create(
        model=MODEL, messages=messages, tools=TOOLS, temperature=0, seed=7, max_tokens=80,
        stream=True, stream_options={"include_usage": True},
    )
    for chunk in stream:
        state.handle_chunk(chunk)
    return state.current_completion_snapshot.choices[0].message


def get_weather(city: str) -> str:
    return WEATHER.get(city, "no such city")


def solved_turns() -> list:
    """Examples: a model this small only calls a tool after it has seen it done."""
    turns = []
    for number, (city, weather) in enumerate([("Paris", "14 degrees, cloudy"), ("Madrid", "28 degrees, sunny")], 1):
        degrees, sky = weather.split(", ")
        turns += [
            {"role": "user", "content": f"What is the weather in {city}?"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{
                    "id": f"call_{number}",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": json.dumps({"city": city})},
                }],
            },
            {"role": "tool", "tool_call_id": f"call_{number}", "content": weather},
            {"role": "assistant", "content": f"In {city} it is {degrees} and {sky}."},
        ]
    return turns


if __name__ == "__main__":
    sys.exit(main())
