"""Optimisers, parameter groups and learning-rate schedules."""

import math
from typing import Any

import torch
from torch.optim import lr_scheduler

from lithoscope.config.params import Optimizer, Schedule
from lithoscope.models.classifier import Classifier, decay_groups

PLATEAU_FACTOR, PLATEAU_PATIENCE = 0.1, 3
"""Schedule ``plateau``: a tenth of the rate after more than 3 epochs without a lower validation loss."""


def learning_rate_factor(step: int, *, steps: int, warmup_steps: int, schedule: Schedule) -> float:
    """Return the share of ``lr`` at a step: linear warm-up, then constant or half a cosine down to 0.

    Source of the cosine: Loshchilov & Hutter, SGDR, ICLR 2017, without restarts.
    """
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    if schedule == "constant":
        return 1.0
    progress = (step - warmup_steps) / max(1, steps - warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def parameter_groups(network: Classifier, lr: float, weight_decay: float, layer_decay: float) -> list[dict[str, Any]]:
    """Sort the parameters that are trained into groups with a learning rate and a weight decay each.

    Of n blocks, number k (from 0, input first) learns at ``lr · layer_decay^(n-k)`` and the head, which comes first
    in the list, at ``lr``. Source: Clark et al., ELECTRA, ICLR 2020. Weight decay spares norms and biases.
    """
    if layer_decay == 1:
        groups = [{**group, "lr": lr} for group in decay_groups([network], weight_decay)]
    else:
        parts = [network.head, *reversed(network.blocks())]
        groups = [
            {**group, "lr": lr * layer_decay**distance}
            for distance, part in enumerate(parts)
            for group in decay_groups([part], weight_decay)
        ]
    return [group for group in groups if group["params"]]


def build_optimizer(name: Optimizer, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """Return ``sgd`` (Nesterov momentum 0.9), ``adam`` or ``adamw`` over parameter groups."""
    if name == "sgd":
        return torch.optim.SGD(groups, momentum=0.9, nesterov=True)
    return torch.optim.Adam(groups) if name == "adam" else torch.optim.AdamW(groups)


def build_schedule(
    schedule: Schedule, optimizer: torch.optim.Optimizer, *, steps: int, warmup_steps: int
) -> lr_scheduler.LRScheduler:
    """Return what sets the learning rates, stepped after every step of the optimiser.

    ``one-cycle`` rises from a 25th to the full rate within 30 % of the steps and falls to almost nothing, while the
    momentum runs against it; its rise takes the place of the warm-up. Source: Smith & Topin, Super-Convergence,
    2018. ``plateau`` warms up here; :func:`build_plateau` makes what lowers the rates later.
    """
    if schedule == "one-cycle":
        rates = [group["lr"] for group in optimizer.param_groups]
        # One more than there are, since torch takes a last step when all is over.
        return lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps + 1)
    if schedule == "plateau":
        # This one multiplies the rates it finds, and so leaves alone what a plateau has made of them.
        return lr_scheduler.LinearLR(optimizer, 1 / (warmup_steps + 1), total_iters=warmup_steps)
    return lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_factor(step, steps=steps, warmup_steps=warmup_steps, schedule=schedule)
    )


def build_plateau(optimizer: torch.optim.Optimizer) -> lr_scheduler.ReduceLROnPlateau:
    """Return what lowers the learning rates where the validation loss, given to it each epoch, stalls."""
    return lr_scheduler.ReduceLROnPlateau(optimizer, factor=PLATEAU_FACTOR, patience=PLATEAU_PATIENCE)
