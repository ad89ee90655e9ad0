"""Import this before an SDK: where the running Python has none, the tests' own scratch venv does."""

import importlib.util
import os
import pathlib
import sys
import tempfile

SCRATCH = pathlib.Path(os.environ.get("RIGTAPE_LIVE_DIR") or pathlib.Path(tempfile.gettempdir()) / "rigtape-live")


def need(module: str) -> None:
    """Goes on in the scratch venv when `module` is not installed here."""
    if importlib.util.find_spec(module):
        return
    python = SCRATCH / "venv" / "bin" / "python"
    if not python.exists() or pathlib.Path(sys.prefix) == python.parent.parent:
        raise SystemExit(f"{sys.argv[0]}: needs the package {module}: pip install {module}, or run tests/live/setup.sh")
    os.execv(python, [str(python), *sys.argv])
