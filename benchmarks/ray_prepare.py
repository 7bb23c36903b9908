"""Preparing by Ray over many photographs, whose workers and command are killed; writes a section of docs/scaling.md.

    python benchmarks/ray_prepare.py [--count 20000] [--nodes 2] [--kill-every 20]

The same photographs are examined and framed, which is what the stages ``download`` and ``split`` do on all cores, by
the local engine and by a cluster of node processes on this machine. A worker is killed every so many seconds while it
has photographs under way, and the command itself is killed half-way through the framing and started again. Ends with an
error unless both engines made the same, to the byte. The photographs are those of ``ray_predict.py``.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from _documents import DOCS, write_between
from ray_predict import kill_now_and_then, many_photographs

from lithoscope.data.engines.chosen import ADDRESS, ENGINE, chosen_engine
from lithoscope.data.engines.tasks import Wanted
from lithoscope.data.images.reading import DEFAULTS
from lithoscope.data.sources.examination import Examination
from lithoscope.data.splits.traits import Framing

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from helpers.ray_nodes import ray_nodes

EXAMINATION, FRAMING = Examination(DEFAULTS), Framing(DEFAULTS, 224, crop=True)


def prepared(photographs: Path, place: Path, environment: Mapping[str, str]) -> str:
    """Examine and frame all photographs of a folder; return a SHA-256 of all that was made.

    Args:
        photographs: The folder.
        place: Where half-done work lies.
        environment: Names the engine.
    """
    total, wanted = hashlib.sha256(), []
    files = [Wanted(str(file)) for file in sorted(photographs.rglob("*.jpg"))]
    with chosen_engine(environment, place) as engine:
        for file, found in zip(files, engine(EXAMINATION, files), strict=True):
            total.update(EXAMINATION.pack(found))
            wanted.append(Wanted(file.file, found.content, found.pages[0].phash))
        for made in engine(FRAMING, wanted):
            total.update(FRAMING.pack(made))
    return total.hexdigest()


def killed_and_again(photographs: Path, place: Path, address: str, half: int) -> str:
    """Prepare in a process that is killed once so many bytes are kept, and in another one; return what that one says.

    Raises:
        SystemExit: The first one ended before it was killed, or the second one failed.
    """
    command = [sys.executable, __file__, "--folder", str(photographs), "--place", str(place)]
    environment = {**os.environ, ENGINE: "ray", ADDRESS: address}
    first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    while sum(file.stat().st_size for file in place.rglob("*.arrow")) < half:
        if first.poll() is not None:
            raise SystemExit(f"the command ended with status {first.returncode} before it was killed")
        time.sleep(0.2)
    first.kill()
    first.wait()
    second = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if second.returncode:
        raise SystemExit(f"the command that went on ended with status {second.returncode}")
    return second.stdout.split()[-1]


def main() -> None:
    """Measure, compare, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--kill-every", type=float, default=20.0, help="seconds")
    parser.add_argument("--folder", type=Path, help="prepare this one by the engine of the environment, and no more")
    parser.add_argument("--place", type=Path, help="where the half-done work of that lies")
    options = parser.parse_args()
    if options.folder:
        print(prepared(options.folder, options.place, os.environ))
        return
    with tempfile.TemporaryDirectory(prefix="lithoscope-") as folder:
        photographs, place = Path(folder) / "photographs", Path(folder) / "place"
        many_photographs(photographs, options.count)
        began = time.monotonic()
        local = prepared(photographs, place, {})
        seconds = [time.monotonic() - began]
        killed: list[int] = []
        ended = threading.Event()
        with ray_nodes(options.nodes) as cluster:
            killer = threading.Thread(target=kill_now_and_then, args=(options.kill_every, ended, killed), daemon=True)
            killer.start()
            began = time.monotonic()
            on_ray = killed_and_again(photographs, place, cluster.address, options.count * FRAMING.size // 2)
            seconds.append(time.monotonic() - began)
            ended.set()
            killer.join()
    if on_ray != local:
        raise SystemExit("what was made differs")
    if not killed:
        raise SystemExit("no worker was killed: ask for more photographs, or kill more often")
    lines = [
        f"`python benchmarks/ray_prepare.py --count {options.count} --nodes {options.nodes} "
        f"--kill-every {options.kill_every:g}`, all on one machine, where a cluster can only add to the work:",
        "",
        "| engine | seconds | killed | what was made |",
        "| --- | ---: | --- | --- |",
        f"| local | {seconds[0]:.0f} | | of {options.count:,} photographs |",
        f"| Ray, {options.nodes} nodes of one core | {seconds[1]:.0f} | {len(killed)} workers, and the command once | "
        "the same, byte for byte |",
    ]
    print("\n".join(lines))
    write_between(DOCS / "scaling.md", "ray_prepare.py", lines)


if __name__ == "__main__":
    main()
