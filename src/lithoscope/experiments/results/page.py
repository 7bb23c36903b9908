"""Page of results, ``docs/results.md``: made from the recorded runs and folds in ``results/`` and the recipes' heads.

Accuracies, losses and intervals are computed from the probabilities in the files, so no figure was typed in but
those that a recipe's source states.
"""

from collections import defaultdict
from pathlib import Path

from lithoscope.core.errors import LithoscopeError
from lithoscope.experiments.recipes import grid_member, load_recipe, override, recipe_names
from lithoscope.experiments.results.answers import answers_section
from lithoscope.experiments.results.cross_validations import crossvalidated_section
from lithoscope.experiments.results.leading import leading_section
from lithoscope.experiments.results.pairs import PAIRED, pair_lines
from lithoscope.experiments.results.people import people_section
from lithoscope.experiments.results.recorded_run import RecordedRun
from lithoscope.experiments.results.table import COLUMNS, mean_row, row, source_figures, table_line

HEAD = """\
# Results on real photographs

Made by `lithoscope results` from the files in `results/` and `recipes/`; do not edit.

"""
ALL_RUNS = """\
## All runs

- **accuracy** stands with its 95 % Wilson interval at its own n; where specimens are named at the effective n, with the
  accuracy per specimen beside it. A mean over seeds stands with its standard deviation
  and, in brackets, the Wilson interval of that mean at the n of one seed: seeds are never pooled, since they read the
  same or overlapping photographs.
- **loss** and **macro F1** stand with 95 % intervals of a bootstrap over photographs, near-duplicates drawn together.
  Runs that keep a temperature have the loss of calibrated probabilities, earlier ones of the network's own.
- **validation** figures are the kept epoch's, or those of the head that was fitted after it. Where they chose that
  epoch (`train.keep`) they flatter; they are no test.
- **training, s** is the training alone, on a machine that may have had other work to do.
- **stated by the source**: what others state of their own split, which is not ours.
- **made by**: places are left out. Add `--data PATH`, and the full path of `model.weights`; or leave that `-S` out
  where the recipe says `imagenet`.
- **minerals**: a local copy with 758 of the 956 published photographs; others may get other figures from all of them.
"""


def render(root: Path) -> str:
    """Return ``docs/results.md`` made from ``results/*.json`` and ``recipes/*.yaml`` of a checkout."""
    groups: dict[str, list[RecordedRun]] = defaultdict(list)
    for path in sorted((root / "results").glob("*.json")):
        result = RecordedRun.read(path)
        groups[result.recipe].append(result)
    recipes = {name: load_recipe(root, name) for name in recipe_names(root)}
    abouts = {name: recipe.about for name, recipe in recipes.items()}
    lines = [table_line(title for title, _ in COLUMNS), table_line(rule for _, rule in COLUMNS)]
    for recipe, results in groups.items():
        results.sort(key=lambda result: result.seed or 0)
        member = grid_member(recipes, recipe)
        stated = source_figures(member[0].about if member else abouts.get(recipe))
        tried = f" ({', '.join(override(*pair) for pair in member[1].items())})" if member else ""
        lines += [table_line(row(result, stated if len(results) == 1 else "", tried)) for result in results]
        if len(results) > 1:
            lines.append(table_line(mean_row(recipe, results, stated)))
    text = HEAD + leading_section(groups, abouts) + ALL_RUNS + "\n" + "\n".join(lines) + "\n"
    runs = [result for results in groups.values() for result in results]
    text += people_section(runs) + answers_section(runs)
    compared = [
        line
        for name, about in abouts.items()
        for other in about.compare_with
        for line in pair_lines(groups.get(name, []), groups.get(other, []))
    ]
    text += crossvalidated_section(root)
    if compared:
        text += "\n" + PAIRED + "\n".join(compared) + "\n"
    noted = {name: points for name, about in abouts.items() if (points := _points(about.notes))}
    if noted:
        text += "\n## Notes\n"
    for name, points in noted.items():
        text += f"\n### {name}\n\n" + "".join(f"- {point}\n" for point in points)
    return text


def write_page(root: Path) -> Path:
    """Rebuild ``docs/results.md``.

    Raises:
        LithoscopeError: There are no results, so this is no checkout; an empty table is never written.
    """
    if not (root / "params.yaml").is_file() or not any((root / "results").glob("*.json")):
        raise LithoscopeError(f"{root / 'results'}: no results there; run this at the root of a Lithoscope checkout")
    target = root / "docs" / "results.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text(render(root), encoding="utf-8")
    return target


def _points(notes: str) -> list[str]:
    return [line.strip().removeprefix("- ") for line in notes.splitlines() if line.strip()]
