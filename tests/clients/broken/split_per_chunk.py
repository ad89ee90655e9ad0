"""Looks for events in each piece of the body for itself: one that two pieces share is lost."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from correct import Client, main


class Broken(Client):
    def events(self, chunks):
        for chunk in chunks:
            for event in chunk.decode(errors="replace").split("\n\n"):
                if event.startswith("data: "):
                    yield event.removeprefix("data: ")


if __name__ == "__main__":
    sys.exit(main(Broken()))
