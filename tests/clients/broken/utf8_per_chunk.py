"""Decodes each piece of the body for itself: a character that two pieces share is lost."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from correct import Client, main


class Broken(Client):
    def lines(self, chunks):
        return super().lines(chunk.decode(errors="replace").encode() for chunk in chunks)


if __name__ == "__main__":
    sys.exit(main(Broken()))
