"""``lithoscope models``: the networks to choose from."""

from pathlib import Path

import click

from lithoscope.cli.group import Command


@click.command(cls=Command)
@click.argument(
    "part", required=False, help="Of a name, e.g. timm/convnext: all such networks of torchvision and timm."
)
def models(part: str | None) -> None:
    """List networks, their ImageNet weights, and how accurate they were in our recipes."""
    from lithoscope.experiments.results.by_network import best_by_network
    from lithoscope.models.catalogue import describe_networks

    networks = describe_networks(part)
    accurate = best_by_network(Path("results"))
    width = max(len(network.name) for network in networks)
    print(f"{'model.name':<{width}}  parameters  input   weights: imagenet")
    for network in networks:
        side = f"{network.side} px" if network.side else "any"
        print(f"{network.name:<{width}}  {network.parameters / 1e6:8.1f} M  {side:<7} {network.weights}")
        for dataset, text in accurate.get(network.name, {}).items():
            print(f"{'':<{width}}  {dataset}: {text}")
