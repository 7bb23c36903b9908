"""The figures of ``benchmarks/house.py``: right on a made-up package with a circle, and within the aims on this one."""

import subprocess
import sys
from pathlib import Path

MODULES = {
    "__init__.py": '"""Made up."""\n',
    "top.py": "import lithoscope.left\nfrom lithoscope import right\n",
    "left.py": "def late():\n    from lithoscope.right import x\n",
    "right/__init__.py": "from lithoscope.right.inner import x\n",
    "right/inner.py": "from lithoscope.base import y\nfrom lithoscope.left import late\nx = y\n",
    "base.py": "y = 1\n",
    "cli.py": "def main():\n    pass\n",
}


def measured(*checkouts: Path) -> dict[str, list[str]]:
    script = Path(__file__).parents[2] / "benchmarks" / "house.py"
    done = subprocess.run([sys.executable, script, *checkouts], capture_output=True, text=True, check=True)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines()]
    return {title: values for title, *values in rows}


def test_parts_levels_arrows_and_circles_are_counted(tmp_path: Path) -> None:
    for name, text in MODULES.items():
        (tmp_path / "src" / "lithoscope" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / "lithoscope" / name).write_text(text, "utf-8")
    (tmp_path / "pyproject.toml").write_text('[project.scripts]\nlithoscope = "lithoscope.cli:main"\n', "utf-8")
    (tmp_path / "dvc.yaml").write_text("deps:\n- src/lithoscope/base.py\n- build/raw\n", "utf-8")
    rows = measured(tmp_path)
    figures = {title: values[0] for title, values in rows.items() if title in ("parts", "levels", "arrows", "circles")}
    # top → left ⇄ right → base, top → right; the command stands alone
    assert figures == {"parts": "5", "levels": "3", "arrows": "5", "circles": "1"}
    assert rows["upward"] == ["1"]
    assert rows["lines of dvc.yaml that name source"] == ["1"]


def test_this_house_is_within_its_aims(checkout: Path) -> None:
    figures = {title: values[0] for title, values in measured(checkout).items()}
    assert int(figures["parts"]) <= 15
    assert int(figures["levels"]) <= 9
    assert int(figures["arrows"]) <= 65
    assert (figures["upward"], figures["circles"]) == ("0", "0")
    assert int(figures["lines of dvc.yaml that name source"]) <= 45
