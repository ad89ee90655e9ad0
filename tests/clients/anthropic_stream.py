"""Send the request of a tape with the official SDK, over Messages, and print what it accumulates.

    ANTHROPIC_BASE_URL=… python anthropic_stream.py TAPE.jsonl

Exit status 1 when the SDK raises an error, and when the answer has no stop reason.
"""

import json
import os
import sys

import scratch

scratch.need("anthropic")

import anthropic

from correct import request


def main() -> int:
    body = json.loads(request(sys.argv[1]))
    body.pop("stream", None)
    body["extra_body"] = {key: body.pop(key) for key in {"temperature"} & body.keys()}
    client = anthropic.Anthropic(api_key=os.environ.get("ANTHROPIC_API_KEY", "none"), max_retries=0)
    with client.messages.stream(**body) as stream:
        answer = stream.get_final_message()
    content = [block.model_dump(include={"type", "text", "id", "name", "input"}) for block in answer.content]
    print(json.dumps({"content": content, "stop_reason": answer.stop_reason}, ensure_ascii=False))
    return 0 if answer.stop_reason else 1


if __name__ == "__main__":
    sys.exit(main())
