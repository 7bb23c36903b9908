"""Model cards: a README with the front matter that model hubs read, and the answers to REFORMS' questions.

Sources: M. Mitchell et al. (2019), Model Cards for Model Reporting, FAT*; S. Kapoor et al. (2024), REFORMS:
Consensus-based Recommendations for Machine-learning-based Science, Science Advances 10, eadk3452.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from markdown_it import MarkdownIt

from lithoscope.core.text import markdown_text
from lithoscope.serving.onnx_description import LOOKED, NETWORK, OnnxDescription
from lithoscope.serving.run_record import RunRecord

CARD = "README.md"
_UNKNOWN = (
    "Nothing beside this model says how it was tested: it was exported away from its run, or the run's files are not "
    "those of these weights. `dvc repro`, then `lithoscope export`, fills this in."
)


def model_card(description: OnnxDescription, record: RunRecord | None) -> str:
    """Return the card of an exported model.

    Args:
        description: What its ``model.json`` says.
        record: Its run; None where nothing is known of it.
    """
    kind = "drawings (synthetic, not photographs)" if description.synthetic else "photographs"
    title = record.dataset["title"] if record else description.dataset
    lines = [
        *_front_matter(description, record),
        f"# A classifier of {len(description.classes)} kinds of rocks or minerals",
        "",
        f"It names what a photograph shows, one of {len(description.classes)} kinds, with a calibrated probability. "
        f"Trained on {kind}: {markdown_text(title)}.",
        "",
        *_section("Intended use and limits", _use(description)),
        *_section("Figures", _figures(description, record)),
        *_section("Data", _data(description, record)),
        *_section("Splits and leaks", _splits(record)),
        *_section("Training", _training(description, record)),
        *_section("The exported file", _file(description)),
        *_section("Do it again", _again(record)),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def averaged(description: OnnxDescription) -> str:
    """Return how many networks answer, and over how many views of a photograph, in words."""
    networks = "1 network" if description.members == 1 else f"the average of {description.members} networks"
    return networks if description.views == 1 else f"{networks}, averaged over {description.views} views"


def card_html(card: str, below: int = 2) -> str:
    """Return a card as HTML for a page of ours: CommonMark and tables, without the front matter.

    Markup that stands in the card, such as in the title of somebody's set, is shown as text, and addresses that would
    run a script are no links.

    Args:
        card: What :func:`model_card` returned.
        below: How many levels its headings go down, so that they stand below those of the page.
    """
    text = card.split("---\n", 2)[-1] if card.startswith("---\n") else card
    rules = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = rules.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + below, 6)}"
    html: str = rules.renderer.render(tokens, rules.options, {})
    return html


def _front_matter(description: OnnxDescription, record: RunRecord | None) -> list[str]:
    """Return YAML; JSON is YAML, which spares an own quoting."""
    tags = ["image-classification", "rocks", "minerals", *(["synthetic"] if description.synthetic else [])]
    values: dict[str, Any] = {"library_name": "onnx", "pipeline_tag": "image-classification", "tags": tags}
    if record:
        metrics = [
            {"type": key, "value": one["value"], "name": f"{one['name']}, n = {one['n']}"}
            for key, one in record.figures().items()
        ]
        dataset = {"name": record.dataset["title"], "type": description.dataset, "split": record.split}
        values["metrics"] = list(record.figures())
        values["model-index"] = [
            {
                "name": "lithoscope",
                "results": [{"task": {"type": "image-classification"}, "dataset": dataset, "metrics": metrics}],
            }
        ]
    return ["---", *(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()), "---", ""]


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *lines, ""]


def _use(description: OnnxDescription) -> list[str]:
    found = [
        f"- For: a first name for photographs of {', '.join(map(markdown_text, description.classes))}.",
        "- Not for: identification that anything depends on. A photograph shows neither hardness nor streak.",
        "- Whatever is shown to it, a bare model names one of its kinds; with the fitted limits in `limits/` it "
        "answers a coarser name, a set, or none of these where it should.",
        "- Photographs of other cameras, light, sizes or regions than the training's may be named worse than the "
        "figures say.",
    ]
    if description.synthetic:
        found.append("- It has seen drawings only: on photographs of stones it shows the way, and no truth.")
    return found


def _figures(description: OnnxDescription, record: RunRecord | None) -> list[str]:
    if record is None:
        return [_UNKNOWN]
    rows = [f"| {one['name']} | {_shown(one['value'])} | {_interval(one)} |" for one in record.figures().values()]
    int8 = description.precision == "int8"
    baselines = [f"{name.replace('_', ' ')} {_shown(value)}" for name, value in record.baselines.items()]
    which = (
        "The test photographs were used for nothing else."
        if record.split == "test"
        else ("These photographs chose the epoch too, so the figures are too good: the test was not looked at.")
    )
    return [
        f"On {record.evaluation['n']} photographs of the {record.split} split. {which}",
        "",
        "| figure | value | 95 % interval |",
        "| --- | ---: | ---: |",
        *rows,
        "",
        *(["Measured in fp32; the last but one section says what 8-bit integers changed.", ""] if int8 else []),
        *([f"Accuracy without a network: {', '.join(baselines)}.", ""] if baselines else []),
        "Intervals: Wilson's for shares of photographs, otherwise a bootstrap over photographs; related ones are "
        "resampled together. They know the chance of the photographs, not that of the training seed.",
    ]


def _data(description: OnnxDescription, record: RunRecord | None) -> list[str]:
    if record is None:
        return [f"The set `{markdown_text(description.dataset)}`."]
    said, counts = record.dataset, record.counts
    published = said.get("published")
    of = f" of {published} as published" if published not in (None, counts["photographs"]) else ""
    return [
        f"- {markdown_text(said['title'])}: {counts['photographs']} photographs{of}, {counts['classes']} classes.",
        f"- Cite: {markdown_text(said['citation'])}.",
        f"- Rights: {markdown_text(said['rights'])}. None of the photographs are in this folder.",
        f"- Set aside as unreadable, contradictory or repeated: {counts['set_aside']['total']}.",
    ]


def _splits(record: RunRecord | None) -> list[str]:
    if record is None:
        return [_UNKNOWN]
    splits = ", ".join(f"{name} {one['photographs']}" for name, one in record.counts["splits"].items())
    pairs = record.counts["duplicates"]
    parameters = record.parameters.get("split", {})
    return [
        f"- Photographs: {splits}; split seed {parameters.get('seed')}, which no training seed moves.",
        f"- Repeats: {pairs['exact']} exact, {pairs['near_pairs']} pairs of near-duplicates, found by perceptual hash "
        "and verified by texture. They, and photographs of one specimen, photographer or locality where the set names "
        "them, stand on one side of the split.",
        "- After packing, the arrays are read back: no name, file, pixels or group on two sides, or the gate fails.",
        "- Choices of epoch and temperature were made on validation photographs, never on the test.",
    ]


def _training(description: OnnxDescription, record: RunRecord | None) -> list[str]:
    size, temperature = description.image_size, description.temperature
    found = [f"- {averaged(description).capitalize()}, squares of {size} px, temperature {temperature:g}."]
    if record is None:
        return found
    parameters, training = record.parameters, record.training
    model = parameters.get("model", {})
    weights = model.get("weights") or "none, from scratch"
    return [
        f"- Network {markdown_text(str(model.get('name')))}; pretrained weights: {markdown_text(str(weights))}.",
        *found,
        f"- {training['epochs']} epochs, that of the lowest validation loss (or as `train.keep` says) kept: "
        f"{training['best_epoch']}; seed {parameters.get('seed')}; learning rate {parameters.get('lr')}.",
        f"- Computed in {parameters.get('precision')} on {parameters.get('threads')} threads; the same code, data and "
        "parameters give the same weights there.",
    ]


def _file(description: OnnxDescription) -> list[str]:
    parity = description.parity
    found = [
        f"- `{NETWORK}`: {description.precision}, from squares of bytes to calibrated probabilities; SHA-256 "
        f"`{description.onnx}`.",
        *(f"- Made from {name}, SHA-256 `{digest}`." for name, digest in description.source.items()),
    ]
    if parity:
        found.append(
            f"- Against torch, on {parity['photographs']} {parity['kind']}: probabilities differ by up to "
            f"{parity['largest_difference']:.1g}, {len(parity['changed_labels'])} labels changed."
        )
    if "onnx" in description.looked:
        found.append(
            f"- `{LOOKED}`: from covered feature maps to probabilities, which says what was looked at; SHA-256 "
            f"`{description.looked['onnx']}`."
        )
    if "against_fp32" in parity:
        found.append(
            f"- Accuracy {parity['accuracy']:.3f}, in fp32 {parity['accuracy_of_torch']:.3f}: {parity['against_fp32']}."
        )
    return found


def _again(record: RunRecord | None) -> list[str]:
    use = ["```sh", "pip install lithoscope", "lithoscope predict --model . photographs/", "```"]
    if record is None:
        return use
    return [*use, "", "All parameters of the run:", "", "```json", json.dumps(_plain(record.parameters)), "```"]


def _plain(value: Any) -> Any:
    """Return parameters without the one that names a place on somebody's machine."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items() if key != "mirror"}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _shown(value: float) -> str:
    return f"{value:.3f}"


def _interval(figure: Mapping[str, Any]) -> str:
    return "" if figure["low"] is None else f"{figure['low']:.3f} … {figure['high']:.3f}"
