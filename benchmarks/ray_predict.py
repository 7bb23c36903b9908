"""Predictions by Ray over many photographs, whose workers are killed; writes a section of docs/scaling.md.

    python benchmarks/ray_predict.py [--count 100000] [--nodes 2] [--kill-every 20]

The same photographs are named by the local engine and by a cluster of node processes on this machine, a worker of which
is killed every so many seconds while it has photographs under way. Ends with an error unless both tables are the same
to the byte. The photographs are small JPEGs of the built-in specimens, each made different by a comment in its file,
which changes its content's hash and no pixel; the network is ours, 64 pixels, with fresh weights: what is measured
is what the engines add.
"""

import argparse
import filecmp
import sys
import tempfile
import threading
import time
from pathlib import Path

from _documents import DOCS, write_between
from predict_memory import small_export, small_photographs

from lithoscope.cli import main as cli

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from helpers.ray_nodes import is_busy, ray_nodes, workers

_FOLDER = 1_000  # photographs in one
_START, _COMMENT = b"\xff\xd8", b"\xff\xfe"


def many_photographs(folder: Path, count: int) -> None:
    """Write so many photographs of different content, a thousand in a folder."""
    drawn = [Path(path).read_bytes() for path in small_photographs(folder.with_name("drawn"))]
    for number in range(count):
        place = folder / f"{number // _FOLDER:03}"
        place.mkdir(parents=True, exist_ok=True)
        said = str(number).encode()
        comment = _COMMENT + (2 + len(said)).to_bytes(2, "big") + said
        content = drawn[number % len(drawn)]
        (place / f"{number:06}.jpg").write_bytes(_START + comment + content.removeprefix(_START))


def asked(photographs: Path, export: Path, table: Path, *further: str) -> float:
    """Name all photographs, and return the seconds that it took.

    Raises:
        SystemExit: The command failed.
    """
    began = time.monotonic()
    if status := cli.main(["predict", str(photographs), "--model", str(export), "--output", str(table), *further]):
        raise SystemExit(f"lithoscope predict ended with status {status}")
    return time.monotonic() - began


def kill_now_and_then(every: float, ended: threading.Event, killed: list[int]) -> None:
    """Kill a worker that has photographs under way, again and again."""
    while not ended.wait(every):
        while not ended.is_set():
            if busy := [worker for worker in workers() if is_busy(worker)]:
                killed.append(busy[0].pid)
                busy[0].kill()
                break
            time.sleep(0.02)


def main() -> None:
    """Measure, compare, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--kill-every", type=float, default=20.0, help="seconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lithoscope-") as folder:
        place = Path(folder)
        export, photographs = small_export(place), place / "photographs"
        many_photographs(photographs, options.count)
        local = asked(photographs, export, place / "local.csv")
        killed: list[int] = []
        ended = threading.Event()
        with ray_nodes(options.nodes) as cluster:
            killer = threading.Thread(target=kill_now_and_then, args=(options.kill_every, ended, killed), daemon=True)
            killer.start()
            on_cluster = ("--engine", "ray", "--ray-address", cluster.address)
            spread = asked(photographs, export, place / "ray.csv", *on_cluster)
            ended.set()
        if not filecmp.cmp(place / "local.csv", place / "ray.csv", shallow=False):
            raise SystemExit("the tables differ")
        if not killed:
            raise SystemExit("no worker was killed: ask for more photographs, or kill more often")
    lines = [
        f"`python benchmarks/ray_predict.py --count {options.count} --nodes {options.nodes} "
        f"--kill-every {options.kill_every:g}`, all on one machine, where a cluster can only add to the work:",
        "",
        "| engine | seconds | workers killed | rows |",
        "| --- | ---: | ---: | --- |",
        f"| local | {local:.0f} | | {options.count:,} |",
        f"| Ray, {options.nodes} nodes of one core | {spread:.0f} | {len(killed)} | the same, byte for byte |",
    ]
    print("\n".join(lines))
    write_between(DOCS / "scaling.md", "ray_predict.py", lines)


if __name__ == "__main__":
    main()
