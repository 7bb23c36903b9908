"""Parameters in words: the model and its training as sentences."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from lithoscope.core.text import count, percent

POLICIES = {"randaugment": "RandAugment", "trivialaugment": "TrivialAugment"}
HEADS = {"batchnorm": "batch normalisation before the head's layer", "mlp": "a head of three layers"}
POOLING = {"maximum": "maximum pooling", "both": "average and maximum pooling side by side"}
OPTIMIZERS = {"sgd": "SGD with momentum", "adam": "Adam", "adamw": "AdamW"}
BALANCE = {"weights": "rare classes weigh more in the loss", "sampling": "rare classes are drawn more often"}


def model_words(parameters: Mapping[str, Any]) -> str:
    """Say which network it is, where its first weights came from, and what is averaged.

    Args:
        parameters: All parameters under dotted keys.
    """
    name, weights = parameters["model.name"], parameters["model.weights"]
    members, views = int(parameters["model.members"]), int(parameters["model.views"])
    what = "a small convolutional network" if name == "cnn" else str(name)
    start = "trained from scratch"
    if weights == "imagenet":
        start = "pretrained on ImageNet"
    elif weights is not None:
        start = f"starting from the weights in {PurePosixPath(str(weights)).name}"
    text = f"{what}, {start}" if members == 1 else f"the mean of {members} networks, each {what}, {start}"
    return text if views == 1 else f"{text}, asked for {views} views of each photograph"


def answer_words(parameters: Mapping[str, Any]) -> str:
    """Say what an answer is the mean of, such as ``mean of 3 networks, 4 views of each photograph``; or nothing."""
    members, views = int(parameters["model.members"]), int(parameters["model.views"])
    parts = [f"{members} networks"] * (members > 1)
    parts += [f"{views} views of each photograph"] * (views > 1)
    return f"mean of {', '.join(parts)}" if parts else ""


def recipe_words(parameters: Mapping[str, Any], *, closed_form: bool = False) -> list[str]:
    """Say how it was trained: one phrase for each thing that was done.

    Args:
        parameters: All parameters under dotted keys.
        closed_form: Whether ``train.adapt`` came to a head alone, whatever else the parameters say.

    Returns:
        At least the optimiser or the closed form, with the order of ``params.yaml`` kept.
    """

    def of(key: str) -> Any:
        return parameters[f"train.{key}"]

    if closed_form:
        passes = of("head_passes")
        closed = {
            POOLING.get(parameters["model.pooling"], ""): True,
            f"the head a discriminant of shrinkage {of('shrinkage'):g}, without epochs": True,
            f"fitted to the photographs and {count(passes, 'varied pass', 'varied passes')} over them": passes,
            "the whole backbone left as it was": True,
        }
        return [phrase for phrase, holds in closed.items() if phrase and holds]
    mixing = [name for key, name in (("mixup", "MixUp"), ("cutmix", "CutMix")) if of(key)]
    policy = POLICIES.get(parameters["augment.policy"])
    depth = parameters["model.stochastic_depth"]
    refit = parameters.get("train.head_refit")  # runs from before there was a choice have none
    phrases = {
        POOLING.get(parameters["model.pooling"], ""): True,
        HEADS.get(parameters["model.head"], ""): True,
        f"residual blocks skipped at random, up to {percent(depth, 0)} of the time": depth,
        f"{OPTIMIZERS[of('optimizer')]}, {of('schedule')} learning rate of at most {parameters['lr']:g}": True,
        f"label smoothing of {of('label_smoothing'):g}": of("label_smoothing"),
        f"the head alone for the first {count(of('head_epochs'), 'epoch')}": of("head_epochs"),
        f"the head started from a discriminant of shrinkage {of('shrinkage'):g}": of("head_fit") == "discriminant",
        f"the first network a discriminant of shrinkage {of('shrinkage'):g}, the others tuned": of("head_fit")
        == "mixed",
        f"after the epochs, whose head saw averages, the head a discriminant of shrinkage {of('shrinkage'):g}": refit,
        "the statistics of batch norms kept as they came": of("norms") == "kept",
        "the whole backbone left as it was": of("frozen") == 1,
        f"the first {percent(of('frozen'), 0)} of the backbone's blocks left as they were": 0 < of("frozen") < 1,
        f"each block at {of('layer_decay'):g} times the learning rate of the next": of("layer_decay") < 1,
        "weights averaged over the steps": of("ema"),
        f"pairs of photographs mixed by {' or '.join(mixing)}": mixing,
        BALANCE.get(of("class_balance"), ""): True,
        f"photographs varied by {policy} in every epoch": policy,
    }
    return [phrase for phrase, holds in phrases.items() if phrase and holds]


def training_loss_words(parameters: Mapping[str, Any]) -> str:
    """Say what makes the training loss another quantity than the validation loss; nothing where it is the same."""
    reasons = {
        "label smoothing": parameters["train.label_smoothing"],
        "mixed photographs": parameters["train.mixup"] or parameters["train.cutmix"],
        "the weights of the classes": parameters["train.class_balance"] == "weights",
    }
    found = [reason for reason, holds in reasons.items() if holds]
    return " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)
