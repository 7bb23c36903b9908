"""Promotion and rollback by their commands, while a server follows the alias under requests that never pause.

``python benchmarks/promotion.py`` trains a tiny set in a clone of this checkout, for six epochs and for two, each a
commit. On the first it runs ``lithoscope promote`` and ``lithoscope serve --model models:/classifier@champion``, on the
second ``promote`` again, then ``rollback``, each as a process, while threads send one photograph after another. After
each step the alias, its Git tag and the artifact that ``dvc artifacts get`` fetches must name the same weights, and the
server must come to answer by them. No request may get anything but 200, and of the answers that a thread gets, those of
the first model must come first, then those of the second, then those of the first again. It writes ``promotion.md``.
With ``--trained FOLDER`` the trainings are kept there, and taken from there the next time.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import requests
from mlflow.tracking import MlflowClient

from lithoscope.core.files import file_digest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from helpers.pipeline_clone import CLASSES, Clone, make_photographs

HERE = Path(__file__).resolve()
NAME, ALIAS = "classifier", "champion"
THREADS, PAUSE = 3, 0.2
EPOCHS = {"first": 6, "second": 2}
PATIENCE = 1800.0  # seconds; machines can be busy
HEAD = """# A server that follows promotions and a rollback

Made by `python benchmarks/promotion.py`, which says what runs: real commands, each a process, and a tiny set.

| step | version in use | weights that the alias, the Git tag, the DVC artifact and the server name | Git tag | \
seconds until the server followed |
| --- | ---: | --- | --- | ---: |
"""


class Asking:
    """Threads that ask a server one thing after another.

    Args:
        address: The server's, without a slash at its end.
        photograph: What is sent.
    """

    def __init__(self, address: str, photograph: Path) -> None:
        self._address, self._content = address, photograph.read_bytes()
        self._ended = threading.Event()
        self.statuses: list[list[int]] = [[] for _ in range(THREADS)]
        self.answers: list[list[str]] = [[] for _ in range(THREADS)]
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(THREADS)]

    def _ask(self, number: int) -> None:
        while not self._ended.is_set():
            try:
                answer = requests.post(
                    f"{self._address}/predict", files={"photographs": ("stone.png", self._content)}, timeout=120
                )
            except requests.RequestException:
                self.statuses[number].append(0)
            else:
                self.statuses[number].append(answer.status_code)
                self.answers[number].append(answer.text)
            time.sleep(PAUSE)

    @contextmanager
    def going(self) -> Iterator[None]:
        """Ask for as long as the context lasts."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in self._threads:
                thread.join()

    def count(self) -> int:
        """Return how many requests have ended."""
        return sum(map(len, self.statuses))


@contextmanager
def serving(clone: Clone, place: Path) -> Iterator[str]:
    """Run ``lithoscope serve`` on the alias; yield the page's address; what it says besides goes to a file."""
    command = ["lithoscope", "serve", "--model", f"models:/{NAME}@{ALIAS}", "--port", "0"]
    with place.open("wb") as said:
        server = subprocess.Popen(
            command, cwd=clone.root, env=clone.environment, stdout=subprocess.PIPE, stderr=said, text=True
        )
    assert server.stdout is not None
    try:
        line = next((line for line in server.stdout if "http://" in line), None)
        if line is None:
            raise SystemExit(f"no server: {place.read_text(encoding='utf-8')}")
        yield re.findall(r"http://\S+", line)[0].rstrip("/")
    finally:
        server.terminate()
        server.wait()


class Names:
    """What the three names of the model in use say.

    Args:
        clone: Whose.
    """

    def __init__(self, clone: Clone) -> None:
        self._clone = clone
        self._client = MlflowClient(f"sqlite:///{clone.root / 'mlflow.db'}")

    def agreed(self, scratch: Path) -> tuple[str, str, str]:
        """Return version, weights and Git tag.

        Raises:
            SystemExit: They do not name the same weights.
        """
        found = self._client.get_model_version_by_alias(NAME, ALIAS)
        weights, tag = found.tags["sha256.weights"], found.tags["git.tag"]
        said = self._clone.run("git", "tag", "--list", "--format=%(contents)", tag)
        place = scratch / f"{tag} {time.monotonic_ns()}"
        revision = tag.partition("@")[2]
        self._clone.run(
            *("dvc", "artifacts", "get", str(self._clone.root), NAME), "--rev", revision, "--out", str(place)
        )
        fetched = file_digest(place / "model.safetensors")
        if weights not in said or fetched != weights:
            raise SystemExit(f"the alias says {weights}, the tag {said!r}, the artifact {fetched}")
        return str(found.version), weights, tag


def followed(address: str, weights: str) -> float:
    """Return after how many seconds the server answers by these weights."""
    began = time.monotonic()
    while requests.get(f"{address}/model", timeout=60).json()["sha256"]["weights"] != weights:
        if time.monotonic() - began > PATIENCE:
            raise SystemExit(f"the server does not follow to {weights}")
        time.sleep(0.5)
    return time.monotonic() - began


def trained(folder: Path) -> Path:
    """Return a clone with a branch for each of :data:`EPOCHS`, trained now unless it is there already."""
    place, photographs = folder / "clone", folder / "photographs"
    if not place.exists():
        make_photographs(photographs, 60)
        Clone.of(HERE.parent.parent, place).tiny(photographs)
    clone = Clone(place)
    for branch, epochs in EPOCHS.items():
        if not clone.run("git", "branch", "--list", branch):
            clone.edit("params.yaml", r"^epochs: \d+", f"epochs: {epochs}")
            clone.run("dvc", "repro", "--quiet")
            clone.commit(f"Train for {epochs} epochs")
            clone.run("git", "branch", branch)
    return place


def check_out(clone: Clone, branch: str) -> None:
    """Take up one of the trainings."""
    clone.run("git", "checkout", "--quiet", branch)
    clone.run("dvc", "checkout", "--quiet")


def run(folder: Path, scratch: Path) -> tuple[bool, list[str]]:
    """Go through all steps; return whether no request was lost and the answers came in order, and the table's rest."""
    clone = Clone(trained(folder)).copy(scratch / "clone")
    clone.environment["XDG_CACHE_HOME"] = str(scratch / "cache")
    check_out(clone, "first")
    print(clone.run("lithoscope", "promote"), flush=True)
    names, lines = Names(clone), []

    def step(what: str, address: str) -> str:
        version, weights, tag = names.agreed(scratch)
        seconds = followed(address, weights)
        lines.append(f"| {what} | {version} | `{weights[:12]}…` | `{tag}` | {seconds:.0f} |")
        print(lines[-1], flush=True)
        return weights

    with serving(clone, scratch / "server.txt") as address:
        asking = Asking(address, folder / "photographs" / CLASSES[1] / "IMG 00.png")
        with asking.going():
            first = step("`promote`, then `serve`", address)
            check_out(clone, "second")
            print(clone.run("lithoscope", "promote"), flush=True)
            second = step("another commit, `promote`", address)
            print(clone.run("lithoscope", "rollback"), flush=True)
            third = step("`rollback`", address)
            enough = asking.count() + 10 * THREADS
            while asking.count() < enough:
                time.sleep(0.1)
    statuses = sorted({status for one in asking.statuses for status in one})
    orders = [[text for text, _ in groupby(one)] for one in asking.answers]
    switched = all(len(one) == 3 and one[0] == one[2] != one[1] for one in orders)
    well = statuses == [200] and switched and first == third != second
    found = "the first model's answers, the second's, the first's again" if switched else "**not in this order**"
    lines += [
        "",
        f"{asking.count():,} requests, {THREADS} threads sending one after the other through all steps, got status "
        f"{', '.join(map(str, statuses))}. Each thread got {found}. {'As it should be.' if well else '**Not so.**'}",
        "",
        "The server looks once a minute, in a process of its own, and exports what it finds.",
    ]
    print((scratch / "server.txt").read_text(encoding="utf-8"))
    return well, lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and write the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--output", type=Path, default=HERE.with_suffix(".md"), help="the document")
    parser.add_argument("--trained", type=Path, metavar="FOLDER", help="where the trainings are kept")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="promotion-") as scratch:
        folder = asked.trained or Path(scratch) / "trained"
        folder.mkdir(parents=True, exist_ok=True)
        well, lines = run(folder.resolve(), Path(scratch))
    asked.output.write_text(HEAD + "\n".join([*lines, ""]), encoding="utf-8")
    print("\n".join(lines))
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
