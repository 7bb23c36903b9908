"""The embedding backbone: frozen as before training, or, for a network from scratch, the trained network."""

from collections.abc import Callable

import numpy as np
import torch

from lithoscope.config.params import Parameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.data.packed.arrays import Pixels
from lithoscope.evaluation.embeddings.layers import BATCH, SIDE, VIEWS, Embedding, embed, frozen_backbone
from lithoscope.models.device import resolve_device, resolve_precision
from lithoscope.models.ensemble import symmetry
from lithoscope.models.load_weights import is_own
from lithoscope.models.predictor import Predictor
from lithoscope.models.pretrained import load_pretrained
from lithoscope.models.weights_file import PretrainedWeights

_SCRATCH = (
    "of the trained network, which began from scratch: its features of the photographs it learnt from have collapsed "
    "towards their classes, so no regression is fitted to them and the training photographs have no figures; the axes "
    "of `components` are fitted to them all the same, without human data"
)


def starting_weights(parameters: Parameters, predictor: Predictor) -> PretrainedWeights | None:
    """Return the weights that training started from, or None for a network from scratch.

    Raises:
        LithoscopeError: They are not there or have changed since.
    """
    weights = load_pretrained(parameters.model.name, parameters.model.weights)
    stated = predictor.description.pretrained
    if weights is not None and stated is not None and stated.get("sha256") != weights.sha256:
        raise LithoscopeError(
            f"model.weights = {parameters.model.weights}: not the weights that this model was trained from any more; "
            "give the original file, or run `dvc repro -f train`"
        )
    return weights


def embedding_function(
    parameters: Parameters,
    predictor: Predictor,
    weights: PretrainedWeights | None,
    advance: Callable[[int], object],
    views: int = VIEWS,
) -> Callable[[Pixels], Embedding]:
    """Return what photographs are seen through: the backbone before training, or else the trained network.

    Args:
        parameters: Of the run: device, precision.
        predictor: The trained model.
        weights: Of :func:`starting_weights`.
        advance: Told how many photographs were done, batch by batch.
        views: Of the backbone before training; the trained network has its own.
    """
    if weights is None:
        return lambda images: embed_trained(predictor, images, advance)
    network = frozen_backbone(predictor.description.architecture, weights.state)
    device = resolve_device(parameters.device)
    precision = resolve_precision(parameters.precision, device)
    return lambda images: embed(
        network, images, side=SIDE, device=device, precision=precision, views=views, advance=advance
    )


def embed_trained(predictor: Predictor, images: Pixels, advance: Callable[[int], object] = lambda _: None) -> Embedding:
    """Return the trained network's next-to-last layer, averaged over the views it was saved with."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            pixels = torch.from_numpy(np.array(images[start : start + BATCH])).permute(0, 3, 1, 2)
            views = [predictor.network.embed(symmetry(pixels, n)) for n in range(predictor.description.views)]
            parts.append(torch.stack(views).mean(dim=0).float().numpy())
            advance(len(pixels))
    return Embedding(np.concatenate(parts), np.empty((len(images), 0), np.float32), ())


def backbone_source(
    parameters: Parameters, weights: PretrainedWeights | None, views: int = VIEWS
) -> dict[str, str | int]:
    """Say whose features these are, in words and numbers."""
    name = parameters.model.name
    if weights is None:
        return {"network": name, "of": _SCRATCH}
    seen = "; whether those had seen these photographs is not known" if is_own(weights.state) else ""
    return {
        "network": name,
        "of": f"the backbone as it was before training, with the weights that training started from{seen}",
        "weights": weights.source,
        "weights_sha256": weights.sha256,
        "views": views,
        "side": min(parameters.image_size, SIDE),
    }
