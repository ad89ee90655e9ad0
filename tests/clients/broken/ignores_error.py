"""Passes over an error that comes inside a 200, and takes what came before it for the answer."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from correct import Client, main


class Broken(Client):
    failed = False

    def fail(self, error):
        self.failed = True

    def check(self, choice):
        if not self.failed:
            super().check(choice)


if __name__ == "__main__":
    sys.exit(main(Broken()))
