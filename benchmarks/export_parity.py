"""How far exports of trained models agree with torch; writes export_parity.md.

    python benchmarks/export_parity.py EXPERIMENT... [--project FOLDER]

Each EXPERIMENT of DVC, such as a recipe leaves, is exported in fp32 and in int8, and held against torch on its own test
photographs; and so is the workspace's model, the default. The files come out of DVC's cache.
"""

import argparse
import tempfile
from pathlib import Path

from _networks import ROOT

from lithoscope.core.errors import LithoscopeError
from lithoscope.experiments.dvc_runs import fetch_files
from lithoscope.serving.export import export_model
from lithoscope.serving.onnx_description import NETWORK, Precision

PAGE = Path(__file__).with_suffix(".md")
MODEL, ARRAYS = "build/model", "build/arrays"
HEAD = """# Parity of exports

Made by `python benchmarks/export_parity.py {names}`: each model as it was trained, on all of its own test photographs.

| model | graph | numbers | MB | photographs | largest difference | changed labels | accuracy | torch's |
| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
"""


def row(name: str, trained: Path, precision: Precision, place: Path) -> str:
    """Export the model of a checkout's files and return its row."""
    try:
        made = export_model(trained / MODEL, place, precision, trained / ARRAYS)
    except LithoscopeError as refused:
        return f"| {name} | | {precision} | | | refused: {refused} | | | |"
    said, network = made.parity, made.members
    graph = f"{network} network{'s' if network > 1 else ''}, {made.views} views, {made.image_size} px"
    size = (place / NETWORK).stat().st_size / 1e6
    cells = (
        *(name, graph, precision, f"{size:.1f}", f"{said['photographs']} {said['kind']}"),
        *(f"{said['largest_difference']:.2g}", len(said["changed_labels"])),
        *(f"{said[key]:.3f}" if key in said else "" for key in ("accuracy", "accuracy_of_torch")),
    )
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Export, print and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", nargs="*")
    parser.add_argument("--project", type=Path, default=ROOT, help="the checkout whose cache holds the experiments")
    options = parser.parse_args()
    rows: list[str] = []
    with tempfile.TemporaryDirectory(prefix="lithoscope-") as temporary:
        trained = {"the workspace's default": ROOT}
        for name in options.experiments:
            trained[f"`{name}`"] = Path(temporary) / name
            fetch_files(options.project, name, Path(temporary) / name, [MODEL, ARRAYS])
        for precision in ("fp32", "int8"):
            for name, place in trained.items():
                rows.append(row(name, place, precision, Path(temporary) / f"export {len(rows)}"))
                print(rows[-1], flush=True)
                head = HEAD.format(names=" ".join(options.experiments))
                PAGE.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")  # int8 of many views takes minutes


if __name__ == "__main__":
    main()
