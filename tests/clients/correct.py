"""Ask a chat model with nothing but the standard library, and be right about the answer.

    OPENAI_BASE_URL=… python correct.py TAPE.jsonl

TAPE is a cassette of a chat completion; its first request is sent. Prints one JSON object for each
choice: its text, why it finished, its tool calls. Exit status 1 when the answer is not known to be whole.

The scripts in `broken/` are this one with one thing done wrong.
"""

import http.client
import json
import os
import sys
import urllib.parse
import zlib

# Longer than any pause of a healthy answer, shorter than anybody's patience.
TIMEOUT = 2


class Failure(Exception):
    """The answer is not one to go on with."""


class Client:
    def ask(self, body: bytes) -> list:
        url = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=TIMEOUT)
        headers = {"content-type": "application/json", "accept-encoding": "gzip"}
        connection.request("POST", url.path + "/chat/completions", body, headers)
        response = connection.getresponse()
        if response.status != 200:
            raise Failure(f"status {response.status}: {response.read().decode(errors='replace')}")
        answer = Answer(self)
        for event in self.events(self.chunks(response)):
            if event == "[DONE]":
                break
            answer.add(json.loads(event))
        return answer.whole()

    def chunks(self, response):
        """The pieces of the body as they come; an error when it breaks off."""
        gzip = zlib.decompressobj(31) if response.getheader("content-encoding") == "gzip" else None
        while piece := response.read1(65536):
            yield gzip.decompress(piece) if gzip else piece

    def events(self, chunks):
        """The data of each event, as the standard of event streams says."""
        data = []
        for line in self.lines(chunks):
            if not line:
                if data:
                    yield "\n".join(data)
                data = []
                continue
            name, _, value = line.partition(":")
            if name == "data":
                data.append(value.removeprefix(" "))

    def lines(self, chunks):
        """Lines end with LF, CR LF or CR; they are decoded whole."""
        rest, is_first = b"", True
        for chunk in chunks:
            rest += chunk
            while True:
                # What a CR at the very end is cannot be known yet.
                ends = [at for at in (rest.find(b"\n"), rest.find(b"\r", 0, -1)) if at >= 0]
                if not ends:
                    break
                end = min(ends)
                line, rest = rest[:end], rest[end + (2 if rest[end : end + 2] == b"\r\n" else 1) :]
                if is_first:
                    line, is_first = line.removeprefix(b"\xef\xbb\xbf"), False
                yield line.decode(errors="replace")

    def fail(self, error):
        raise Failure(f"the server says: {error}")

    def call(self, choice: dict, fragment: dict) -> dict:
        """The tool call that a fragment belongs to: not every server counts them."""
        calls, index, id = choice["tool_calls"], fragment.get("index"), fragment.get("id")
        same = [call for call in calls if index is None or call["index"] == index]
        if not same or (id and id not in [call["id"] for call in same]):
            calls.append({"index": index, "id": id, "name": "", "arguments": ""})
            return calls[-1]
        return next((call for call in same if id and call["id"] == id), same[-1])

    def check(self, choice: dict):
        if not choice["finish_reason"]:
            raise Failure("the answer broke off: it has no finish reason")
        if choice["finish_reason"] == "tool_calls":
            for call in choice["tool_calls"]:
                json.loads(call["arguments"])


class Answer:
    def __init__(self, client: Client):
        self.client = client
        self.choices = {}

    def add(self, event: dict):
        if event.get("error"):
            self.client.fail(event["error"])
        for said in event.get("choices") or []:
            new = {"text": "", "finish_reason": None, "tool_calls": []}
            choice = self.choices.setdefault(said.get("index", 0), new)
            choice["finish_reason"] = said.get("finish_reason") or choice["finish_reason"]
            delta = said.get("delta") or {}
            choice["text"] += delta.get("content") or ""
            for fragment in delta.get("tool_calls") or []:
                call = self.client.call(choice, fragment)
                function = fragment.get("function") or {}
                call["name"] += function.get("name") or ""
                call["arguments"] += function.get("arguments") or ""

    def whole(self) -> list:
        if not self.choices:
            raise Failure("the answer broke off: nothing came")
        for choice in self.choices.values():
            self.client.check(choice)
            for call in choice["tool_calls"]:
                del call["index"]
        return [self.choices[index] for index in sorted(self.choices)]


def request(tape: str) -> bytes:
    """The body of the first request on a tape."""
    for line in open(tape, encoding="utf-8"):
        record = json.loads(line)
        if isinstance(record, dict) and "request" in record:
            return record["body"].encode()
    raise SystemExit(f"{tape}: no request is on it")


def main(client: Client) -> int:
    try:
        choices = client.ask(request(sys.argv[1]))
    except (Failure, ValueError, OSError, http.client.HTTPException) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    for choice in choices:
        print(json.dumps(choice, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main(Client()))
