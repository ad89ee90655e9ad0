"""Takes every line of the stream for `data:`; a comment is none."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from correct import Client, Failure, main


class Broken(Client):
    def lines(self, chunks):
        for line in super().lines(chunks):
            if line.startswith(":"):
                raise Failure(f"no field: {line}")
            yield line


if __name__ == "__main__":
    sys.exit(main(Broken()))
