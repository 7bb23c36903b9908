"""``lithoscope models``: the networks to choose from."""

from pathlib import Path

import click

from lithoscope.cli.group import Command
from lithoscope.cli.output import print_note


@click.command(cls=Command)
@click.argument(
    "part", required=False, help="Of a name, e.g. timm/convnext: all such networks of torchvision and timm."
)
def models(part: str | None) -> None:
    """List networks, their ImageNet weights, and how accurate they were in our recipes."""
    from lithoscope.experiments.results.by_network import best_by_network
    from lithoscope.models.catalogue import describe_networks

    networks = describe_networks(part)
    results = _results(Path.cwd())
    accurate = {} if results is None else best_by_network(results)
    width = max(len(network.name) for network in networks)
    print(f"{'model.name':<{width}}  parameters  input   weights: imagenet")
    for network in networks:
        side = f"{network.side} px" if network.side else "any"
        print(f"{network.name:<{width}}  {network.parameters / 1e6:8.1f} M  {side:<7} {network.weights}")
        for dataset, text in accurate.get(network.name, {}).items():
            print(f"{'':<{width}}  {dataset}: {text}")
    if results is None:
        print_note("how accurate they were is shown in a checkout, from its results/; there is none here or above")


def _results(here: Path) -> Path | None:
    """Return the folder of finished runs of the checkout that a folder lies in, or None outside of one."""
    roots = (folder for folder in (here, *here.parents) if (folder / "dvc.yaml").is_file())
    found = next(roots, here) / "results"
    return found if found.is_dir() else None
