"""Tells tool calls apart by nothing but their index, which not every server counts."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from correct import Client, main


class Broken(Client):
    def call(self, choice, fragment):
        calls, index = choice["tool_calls"], fragment["index"]
        for call in calls:
            if call["index"] == index:
                return call
        calls.append({"index": index, "id": fragment.get("id"), "name": "", "arguments": ""})
        return calls[-1]


if __name__ == "__main__":
    sys.exit(main(Broken()))
