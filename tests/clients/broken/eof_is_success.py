"""Takes whatever came until the connection ended for the answer."""

import http.client
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from correct import Client, main


class Broken(Client):
    def chunks(self, response):
        try:
            yield from super().chunks(response)
        except (http.client.IncompleteRead, OSError):
            pass

    def check(self, choice):
        pass


if __name__ == "__main__":
    sys.exit(main(Broken()))
