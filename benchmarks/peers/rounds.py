"""Measurements in turn, round by round, and how busy the machine was."""

import os
from collections.abc import Callable
from typing import Any

from peers.jobs import Job, ask

Answer = dict[str, Any]


class Loads:
    """How busy the machine was, by its one-minute load before each measurement."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def look(self) -> None:
        """Look once more."""
        self.seen.append(os.getloadavg()[0])

    def quiet(self, threads: int) -> bool:
        """Say whether at some measurement little more ran than what is measured leaves behind itself."""
        return min(self.seen) <= 2 * threads

    def line(self, threads: int) -> str:
        """Say it, and what it means where others were at work."""
        text = f"one-minute load {min(self.seen):.1f} to {max(self.seen):.1f}"
        if self.quiet(threads):
            return text
        return f"{text}: **others used the machine all the time, so the ratios by processor time are the ones to read**"


def in_turn(ways: dict[str, Callable[[], Answer]], rounds: int, loads: Loads) -> dict[str, list[Answer]]:
    """Measure all ways in each round, every second round the other way round."""
    found: dict[str, list[Answer]] = {way: [] for way in ways}
    for number in range(rounds):
        for way in list(ways) if number % 2 == 0 else reversed(ways):
            loads.look()
            found[way].append(ways[way]())
            shown = {key: value for key, value in found[way][-1].items() if not isinstance(value, list)}
            print(f"  {way}: {shown}", flush=True)
    return found


def workers_of(job: Job, loads: Loads) -> int:
    """Return with how many loading processes timm is fastest."""
    tried = {}
    for workers in (1, 2):
        loads.look()
        tried[workers] = ask("peers.timm_loop", job.changed(way="tuned", workers=workers)).get("images/s", 0.0)
    print(f"  images/s by workers: {tried}", flush=True)
    return max(tried, key=lambda workers: tried[workers])
