"""What the pages say of the project is so: figures, packages, links."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#]+)(?:#[^)]*)?\)")
NAMED = re.compile(r"`((?:src|stages|tests|benchmarks|examples|recipes|docs)/[a-z0-9_./-]*)`")
FIGURE = re.compile(r"[.\d]+ ± [.\d]+|(?<!± )\.\d{3}(?= \[)|\[[^\]]*\d, [^\]]*\d\](?!\()")


def table_rows(text: str) -> list[list[str]]:
    """The cells of every row of every table, heads and rules among them."""
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]


def section(page: str, title: str) -> str:
    _, _, rest = page.partition(f"\n## {title}\n")
    assert rest, f"there is no section {title}"
    return rest.partition("\n## ")[0]


def test_the_readme_is_short(checkout: Path) -> None:
    assert len((checkout / "README.md").read_text("utf-8").splitlines()) <= 100


def test_the_figures_of_the_readme_are_those_of_the_results(checkout: Path) -> None:
    results = [line for line in (checkout / "docs" / "results.md").read_text("utf-8").splitlines() if line[:1] == "|"]
    _, _, *rows = table_rows(section((checkout / "README.md").read_text("utf-8"), "Results on real photographs"))
    assert len(rows) == 3
    for what, figure, recipe in rows:
        figures = FIGURE.findall(figure.replace("**", ""))
        assert len(figures) == 2, figure
        name = recipe.strip("`")
        of_the_run = [line for line in results if line.startswith((f"| **{name}, mean of 3", f"| [{name}]"))]
        assert any(all(number in line for number in figures) for line in of_the_run), (name, figures)
        assert f" {re.findall('[0-9]+', what)[-1]} |" in " ".join(line for line in results if name in line)


def test_the_architecture_names_the_packages_as_import_linter_layers_them(checkout: Path) -> None:
    rows = table_rows(section((checkout / "docs" / "architecture.md").read_text("utf-8"), "Packages"))
    named = [row[0].strip("`") for row in rows if len(row) == 3 and row[0].startswith("`")]
    project = tomllib.loads((checkout / "pyproject.toml").read_text("utf-8"))
    (layers,) = [
        contract["layers"]
        for contract in project["tool"]["importlinter"]["contracts"]
        if contract.get("containers") == ["lithoscope"]
    ]
    level = {package: depth for depth, layer in enumerate(reversed(layers)) for package in layer.split(" | ")}
    assert sorted(named) == sorted(level)
    assert [level[package] for package in named] == sorted(level.values())


@pytest.mark.parametrize("folder", [".", "docs", "benchmarks"])
def test_links_between_files_lead_somewhere(checkout: Path, folder: str) -> None:
    pages = sorted((checkout / folder).glob("*.md"))
    assert pages
    for page in pages:
        for target in LINK.findall(page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_files_and_folders_that_pages_name_are_there(checkout: Path) -> None:
    pages = [*checkout.glob("*.md"), *(checkout / "docs").glob("*.md"), *(checkout / "benchmarks").glob("*.md")]
    for page in pages:
        for name in NAMED.findall(page.read_text("utf-8")):
            assert (checkout / name).exists(), f"{page.name}: {name}"


def test_every_page_stands_in_the_navigation_and_in_the_readme(checkout: Path) -> None:
    navigation = (checkout / "mkdocs.yml").read_text("utf-8").partition("\nnav:")[2]
    readme = (checkout / "README.md").read_text("utf-8")
    for page in (checkout / "docs").glob("*.md"):
        assert f": {page.name}\n" in navigation
        assert f"(docs/{page.name})" in readme or page.name == "index.md", page.name


def test_a_link_to_a_file_that_is_not_there_ends_the_build_of_the_site(checkout: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    (copy / "src" / "lithoscope").mkdir(parents=True)
    (copy / "docs" / "site").mkdir(parents=True)
    for name in ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"):
        (copy / name).write_text("# Page\n", "utf-8")
    (copy / "docs" / "site" / "hooks.py").write_bytes((checkout / "docs" / "site" / "hooks.py").read_bytes())
    (copy / "mkdocs.yml").write_text(
        "site_name: x\nhooks: [docs/site/hooks.py]\nexclude_docs: /site/\nnav:\n- index.md\n"
        "- Reference: [contributing.md, changelog.md, security.md]\n",
        "utf-8",
    )
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    for link, fails in [("../README.md", True), ("../CHANGELOG.md", False), ("../mkdocs.yml", False)]:
        (copy / "docs" / "index.md").write_text(f"# Page\n\n[text]({link})\n", "utf-8")
        done = subprocess.run(build, cwd=copy, capture_output=True, text=True)
        assert bool(done.returncode) == fails, done.stderr
        assert (f"docs/index.md: {link}: no such file" in done.stderr) == fails
    assert '<span title="mkdocs.yml">text</span>' in (copy / "site" / "index.html").read_text("utf-8")
