"""Looking for photographs whose hashes are near: the index of this checkout against another that tries every pair.

The other checkout is one from before the index, such as commit 2056840, with a virtual environment of its own in
``.venv``. Both look through the same hashes, of two kinds, in processes of their own, in turn. Trying every pair of
100,000 takes most of an hour, so the other stops after a share of the comparisons (``--share``), from which its seconds
for all of them follow; the pairs found until then have to be the same.
"""

import argparse
import hashlib
import importlib
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent.parent
DISTANCE, SEED = 14, 0


def look(count: int, share: float, threads: int) -> dict[str, float | str]:
    """Find the near pairs of random hashes, or of the first rows that make a share of all pairs.

    Returns:
        Seconds on the wall and of the processor for all pairs (extrapolated by the share that was compared), peak
        memory in MB, how many pairs were found and their digest.
    """
    hashes = [np.random.default_rng([SEED, kind]).integers(0, 2**64, count, dtype=np.uint64) for kind in range(2)]
    rows = int(np.ceil(count * (1 - np.sqrt(1 - share))))  # with later ones these make that share of the pairs
    kept = []
    try:
        from lithoscope.data.splits.hash_index import candidate_pairs

        started, spent = time.perf_counter(), time.process_time()
        for pairs in candidate_pairs(hashes, DISTANCE, threads):
            kept.append(pairs[pairs[:, 0] < rows])
        compared = 1.0
    except ImportError:
        older: Any = importlib.import_module("lithoscope.data.splits.near_duplicates")  # before the index
        started, spent, done = time.perf_counter(), time.process_time(), 0
        for pairs in older.candidate_pairs(hashes, DISTANCE):
            kept.append(pairs[pairs[:, 0] < rows])
            done = min(count, done + older.BLOCK)
            if done >= rows:
                break
        compared = 1 - (1 - done / count) ** 2
    found = np.concatenate(kept)
    return {
        "wall": (time.perf_counter() - started) / compared,
        "processor": (time.process_time() - spent) / compared,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "pairs": len(found),
        "digest": hashlib.sha256(np.ascontiguousarray(found).tobytes()).hexdigest(),
    }


def measure(checkout: Path, count: int, share: float, threads: int) -> dict[str, float | str]:
    """Run :func:`look` with the code of a checkout."""
    command = [str(checkout / ".venv/bin/python"), __file__, "--look", str(count), str(share), str(threads)]
    environment = {"PYTHONPATH": str(checkout / "src")}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    figures: dict[str, float | str] = json.loads(done.stdout)
    return figures


def spread(values: list[float]) -> str:
    """Return the median and the range."""
    return f"{np.median(values):,.1f} ({min(values):,.1f} to {max(values):,.1f})"


def main() -> None:
    """Measure both in turn."""
    if sys.argv[1:2] == ["--look"]:
        print(json.dumps(look(int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="a checkout from before the index")
    parser.add_argument("--hashes", type=int, nargs="+", default=[2000, 20_000, 100_000])
    parser.add_argument("--share", type=float, default=0.04, help="of the pairs of the largest number, for the other")
    parser.add_argument("--threads", type=int, default=2, help="of this checkout; the other has one")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    print("| hashes | way | seconds of processor | seconds on the wall | peak MB | ratio of processor | of wall |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for count in arguments.hashes:
        share = arguments.share if count == max(arguments.hashes) else 1.0
        runs: dict[str, list[dict[str, float | str]]] = {"this": [], "other": []}
        for number in range(arguments.repeats):
            for way in ("this", "other") if number % 2 == 0 else ("other", "this"):
                checkout = HERE if way == "this" else arguments.other.resolve()
                runs[way].append(measure(checkout, count, share, arguments.threads))
        if len({(run["pairs"], run["digest"]) for both in runs.values() for run in both}) != 1:
            sys.exit(f"{count:,} hashes: the pairs differ")
        for way, done in runs.items():
            columns = [spread([float(run[name]) for run in done]) for name in ("processor", "wall", "memory")]
            ratios = [
                spread([float(a[name]) / float(b[name]) for a, b in zip(runs["other"], runs["this"], strict=True)])
                for name in ("processor", "wall")
            ]
            print(f"| {count:,} | {way} | {' | '.join(columns)} | {' | '.join(ratios)} |", flush=True)
        print(f"  {runs['this'][0]['pairs']:,} pairs, the same in both", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
