"""Put what the stages before found into one page that opens by itself."""

from pathlib import Path

import _checkout  # noqa: F401  (makes this checkout's src importable)

from lithoscope.params import load_parameters
from lithoscope.reporting.inputs import read_inputs
from lithoscope.reporting.page import render_page
from lithoscope.stage import run


def main() -> None:
    """Read what the other stages made and write ``report/index.html``."""
    parameters = load_parameters(Path("params.yaml"))
    page = render_page(read_inputs(Path(), parameters.flat()))
    target = Path("report/index.html")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page, encoding="utf-8", newline="\n")
    print(f"report: {target}")


if __name__ == "__main__":
    run(main)
