"""The server under uploads that no one means well with, and above the load that it can take.

``python benchmarks/server.py fuzz MODEL`` sends mutated requests, each a function of its seed, and counts the
answers by status: none may be 500 or above, and memory must come back to where it was after the first two hundred.

``python benchmarks/server.py load MODEL`` has more clients than the server lets in, for minutes. Every request must end
with an answer or with 429; in the middle the server is killed and started again, and what was under way then is
counted by itself.

``python benchmarks/server.py api MODEL`` has Schemathesis send whatever the API's own description allows and forbids.

MODEL is an export (`lithoscope export`). Each writes its section of ``benchmarks/server.md``, and leaves the others.
"""

import argparse
import io
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import requests
from _sections import write_section
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from lithoscope.serving.onnx_description import NETWORK, load_onnx_description

from helpers.described_api import answered, asked_by_description
from helpers.mutated_uploads import mutated_body

START = "from lithoscope.cli.main import main; raise SystemExit(main())"
WARM_UP = 200
"""Requests until ONNX Runtime and the decoders have met their largest batches; memory is flat from there on."""
ALLOWED = frozenset({200, 400, 408, 413, 422, 429})
FOUND = Path(__file__).with_suffix(".md")
HEAD = """# The server under uploads that no one means well with, and above the load that it can take

Each section is made by `python benchmarks/server.py` with the words that stand below it.
"""
TITLES = {
    "fuzz": "Mutated uploads",
    "load": "Above what it can do",
    "api": "Whatever its description allows and forbids",
}


class Server:
    """A running ``lithoscope serve``.

    Attributes:
        address: The page's.
        process: The server's, which its decoding processes belong to.
    """

    def __init__(self, model: Path) -> None:
        command = [sys.executable, "-c", START, "serve", "--model", str(model), "--port", "0"]
        began = time.monotonic()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = next(line for line in self.process.stdout if "http://" in line)
        found = re.search(r"http://\S+", line)
        assert found is not None
        self.address = found[0].rstrip("/")
        while not self._answers():
            time.sleep(0.02)
        self.seconds = time.monotonic() - began

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.address}/healthz", timeout=1).ok
        except requests.ConnectionError:
            return False

    def megabytes(self) -> float:
        """Return the memory of the server and of its decoding processes, each page once."""
        processes = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        return float(sum(one.memory_full_info().pss for one in processes)) / 1e6

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
        self.process.send_signal(how)
        self.process.wait()


@contextmanager
def _server(model: Path) -> Iterator[Server]:
    server = Server(model)
    try:
        yield server
    finally:
        server.stop()


def fuzz(model: Path, uploads: int, seed: int) -> tuple[bool, list[str]]:
    """Send mutated requests; return whether all went well, and what came of them."""
    statuses: Counter[int] = Counter()
    with _server(model) as server, requests.Session() as session:
        before = 0.0
        for number in range(uploads):
            body, kind = mutated_body(seed + number)
            answer = session.post(f"{server.address}/predict", body, headers={"content-type": kind}, timeout=120)
            statuses[answer.status_code] += 1
            if number + 1 == min(WARM_UP, uploads):
                before = server.megabytes()
            if (number + 1) % 500 == 0:
                print(f"  {number + 1:,} sent, {server.megabytes():.0f} MB", file=sys.stderr)
        after = server.megabytes()
    lines = [
        f"{uploads:,} requests, seeds {seed} to {seed + uploads - 1}: cut, flipped, lying, two types at once, bombs.",
        "",
        *_table(("status", "requests"), sorted(statuses.items())),
        "",
        f"Memory after {min(WARM_UP, uploads)} requests {before:.0f} MB, after all {after:.0f} MB, "
        f"{after / before:.2f} times as much.",
    ]
    return set(statuses) <= ALLOWED and after < 1.25 * before, lines


def _table(head: tuple[str, str], rows: Sequence[tuple[object, int]]) -> list[str]:
    return [f"| {head[0]} | {head[1]} |", "| --- | ---: |", *(f"| {name} | {count:,} |" for name, count in rows)]


def _photograph(seed: int) -> bytes:
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 256, (30, 40, 3), dtype=np.uint8))
    packed = io.BytesIO()
    small.resize((1200, 900), Image.Resampling.BICUBIC).save(packed, "JPEG")
    return packed.getvalue()


def load(model: Path, minutes: float, clients: int) -> tuple[bool, list[str]]:
    """Keep a server above what it can do, kill it in between; return whether all went well, and how it answered."""
    photographs = [_photograph(seed) for seed in range(8)]
    outcomes: Counter[str] = Counter()
    waited: list[float] = []
    lock, ends = threading.Lock(), time.monotonic() + 60 * minutes
    server = Server(model)
    started = [server.seconds]
    restarting = threading.Event()

    def client(number: int) -> None:
        turn = number
        while time.monotonic() < ends:
            files = {"photographs": ("stone.jpg", photographs[turn % len(photographs)])}
            turn += 1
            killed, began = restarting.is_set(), time.monotonic()
            try:
                answer = requests.post(f"{server.address}/predict", files=files, timeout=120)
                outcome = str(answer.status_code)
            except requests.RequestException:
                outcome = "killed" if killed or restarting.is_set() else "lost"
            seconds = time.monotonic() - began
            with lock:
                outcomes[outcome] += 1
                if outcome == "200":
                    waited.append(seconds)
            if outcome == "429":
                time.sleep(int(answer.headers["retry-after"]) * 0.2)
            elif outcome == "killed":
                time.sleep(0.2)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    time.sleep(30 * minutes)
    restarting.set()
    server.stop(signal.SIGKILL)
    server = Server(model)
    started.append(server.seconds)
    time.sleep(1)
    restarting.clear()
    for thread in threads:
        thread.join()
    memory = server.megabytes()
    server.stop()
    middle, high = np.percentile(waited, [50, 95])
    up = " and ".join(f"{one:.1f}" for one in started)
    lines = [
        f"{minutes:g} minutes, {clients} clients at once, {os.cpu_count()} cores, photographs of 1200 × 900 px; killed "
        "by SIGKILL half-way and started again.",
        "",
        *_table(("outcome", "requests"), sorted(outcomes.items())),
        "",
        f"Answered: median {middle:.2f} s, 95th percentile {high:.2f} s, {len(waited) / 60 / minutes:.1f} a second. "
        f"Up in {up} s. Memory at the end {memory:.0f} MB.",
    ]
    return set(outcomes) <= {"200", "429", "killed"}, lines


def api(model: Path, examples: int) -> tuple[bool, list[str]]:
    """Have Schemathesis ask; return whether it found no fault, and what it did."""
    with _server(model) as server, tempfile.TemporaryDirectory() as folder:
        report = asked_by_description(server.address, Path(folder), examples)
    faults = [*report["failures"], *report["errors"]]
    counted = [(operation, answered(report, operation)) for operation in sorted(report["valid_rates"])]
    lines = [
        f"Schemathesis {report['schemathesis_version']}: {report['test_cases']['generated']:,} requests, at most "
        f"{examples} of an operation besides those that cover the description; {len(faults)} faults.",
        "",
        *_table(("operation", "requests that were accepted"), counted),
        *(f"\n{fault}" for fault in faults),
    ]
    return bool(report["complete"]) and not faults, lines


def _words(model: Path) -> str:
    said = load_onnx_description(model)
    size = (model / NETWORK).stat().st_size / 1e6
    about = f"{len(said.classes)} classes ({said.dataset}), {said.image_size} px, {said.precision}, {size:.1f} MB"
    return f"a model of {about}"


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=list(TITLES))
    parser.add_argument("model", type=Path, metavar="MODEL", help="an export")
    parser.add_argument("--uploads", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--output", type=Path, default=FOUND, help="the document")
    asked = parser.parse_args()
    if asked.what == "fuzz":
        well, lines = fuzz(asked.model, asked.uploads, asked.seed)
        options = f"--uploads {asked.uploads} --seed {asked.seed}"
    elif asked.what == "load":
        well, lines = load(asked.model, asked.minutes, asked.clients)
        options = f"--minutes {asked.minutes:g} --clients {asked.clients}"
    else:
        well, lines = api(asked.model, asked.examples)
        options = f"--examples {asked.examples}"
    lines = [*lines, "", f"With {_words(asked.model)}. {'As it should be.' if well else '**Not as it should be.**'}"]
    write_section(asked.output, HEAD, TITLES, asked.what, f"{asked.what} MODEL {options}", lines)
    print("\n".join(lines))
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
