import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.loading.dataloader import OnlineAugmentation, PackedPhotographs
from lithoscope.models.classifier import Classifier, build_classifier
from lithoscope.training import discriminant_head
from lithoscope.training.discriminant_head import (
    fit_discriminant_head,
    shrinkage_discriminant,
    standardised_discriminant,
)
from lithoscope.training.fit import train
from lithoscope.training.module import ClassificationModule, TrainingSettings
from lithoscope.training.phase import Phase, Photographs, phase_rows
from unit.training.test_fit import SETTINGS, TRAIN, VAL, VARIED, network

from helpers.made_up_settings import plain_architecture

DISCRIMINANT = SETTINGS.changed(head_fit="discriminant", shrinkage=0.4)
ONLINE = OnlineAugmentation(VARIED, 0)


def start(model: Classifier, settings: TrainingSettings, photographs: Photographs) -> None:
    phase = Phase("all", settings, frozen=0, rate="lr", computed=False)
    fit_discriminant_head(model, phase, photographs, photographs.training, progress_bar=False)


def weights_of(model: Classifier) -> torch.Tensor:
    weights: torch.Tensor = model.state_dict()["head.1.weight"]
    return weights.clone()


def test_the_head_is_the_discriminant_of_what_the_backbone_makes_of_the_photographs() -> None:
    model = network()
    start(model, DISCRIMINANT, Photographs(TRAIN, None, None))
    assert model.training
    model.eval()
    with torch.inference_mode():
        features = model.embed(torch.from_numpy(np.array(TRAIN.images)).permute(0, 3, 1, 2)).numpy()
        logits = model.head(torch.from_numpy(features)).numpy()
    spread = features.std(axis=0)
    assert (spread == 0).any(), "a network without a constant feature: nothing is shown about those"
    scaled = features.astype(np.float64) / np.where(spread > 0, spread, 1)
    weights, biases = shrinkage_discriminant(scaled, TRAIN.labels, 2, 0.4)
    np.testing.assert_allclose(logits, scaled @ weights.T + biases, atol=1e-3)
    as_they_are, _ = shrinkage_discriminant(features.astype(np.float64), TRAIN.labels, 2, 0.4)
    assert np.abs(features @ as_they_are.T - scaled @ weights.T).max() > 0.01


def test_varied_passes_count_too() -> None:
    heads = []
    for passes in (0, 1, 2):
        model = network()
        settings = DISCRIMINANT.changed(head_passes=passes)
        start(model, settings, Photographs(TRAIN, None, ONLINE))
        heads.append(weights_of(model))
    assert not torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[1], heads[2])


def test_of_more_pictures_than_features_sums_are_kept_and_not_the_features(monkeypatch: pytest.MonkeyPatch) -> None:
    model, direct = network(), network().eval()
    width, passes = weights_of(model).shape[1], 6
    assert passes * len(TRAIN) <= width < (1 + passes) * len(TRAIN)
    monkeypatch.setattr(discriminant_head, "standardised_discriminant", None)
    start(model, DISCRIMINANT.changed(head_passes=passes), Photographs(TRAIN, None, ONLINE))
    plain, varied = PackedPhotographs(TRAIN), PackedPhotographs(TRAIN, ONLINE)
    seen = [plain.__getitems__([(0, row) for row in range(len(TRAIN))])]
    seen += [varied.__getitems__([(epoch, row) for row in range(len(TRAIN))]) for epoch in range(passes)]
    with torch.inference_mode():
        features = torch.cat([direct.embed(batch.images) for batch in seen]).double().numpy()
    weights, _ = standardised_discriminant(features, np.tile(TRAIN.labels, 1 + passes), 2, 0.4)
    np.testing.assert_allclose(weights_of(model).double().numpy(), weights, atol=1e-4 * np.abs(weights).max())


def test_training_goes_on_from_it(tmp_path: Path) -> None:
    settings = DISCRIMINANT.changed(epochs=1, lr=1e-9, warmup=0, norms="kept", frozen=1.0)
    result = train(
        network(), settings, TRAIN, VAL, None, checkpoints=tmp_path, on_epoch=lambda *_: None, progress_bar=False
    )
    model = network()
    start(model, settings, Photographs(TRAIN, VAL, None))
    torch.testing.assert_close(result.state["head.1.weight"], weights_of(model))


@pytest.mark.parametrize("pooling", ["both", "texture"])
def test_after_the_epochs_it_is_fitted_to_what_they_made_of_the_backbone(tmp_path: Path, pooling: str) -> None:
    def built() -> Classifier:
        torch.manual_seed(0)
        return build_classifier(plain_architecture("cnn", 32, 2, 0.5, pooling=pooling))

    settings = SETTINGS.changed(epochs=2, frozen=0.5, cached_views=2, shrinkage=0.4, head_refit=True, head_passes=3)
    arguments: dict[str, Any] = {"on_epoch": lambda *_: None, "progress_bar": False}
    result = train(built(), settings, TRAIN, VAL, ONLINE, checkpoints=tmp_path / "refit", **arguments)
    averaging = built().averaging()
    epochs = train(
        averaging, settings.changed(head_refit=False), TRAIN, VAL, ONLINE, checkpoints=tmp_path / "epochs", **arguments
    )
    assert result.history == epochs.history
    model = built()
    model.load_state_dict({**model.state_dict(), **{k: v for k, v in epochs.state.items() if not k.startswith("head")}})
    start(model, settings.changed(head_passes=0), Photographs(TRAIN, None, ONLINE))
    for name, value in model.state_dict().items():
        torch.testing.assert_close(result.state[name], value, msg=name)
    model.eval()
    with torch.inference_mode():
        logits = model(torch.from_numpy(np.array(VAL.images)).permute(0, 3, 1, 2))
    right = (logits.argmax(dim=1).numpy() == VAL.labels).mean()
    assert result.refit == pytest.approx(
        {"loss": float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(VAL.labels))), "accuracy": right}
    )
    assert result.summary()["refit"]["accuracy"] == pytest.approx(right, abs=1e-6)
    again = train(built(), settings, TRAIN, VAL, ONLINE, checkpoints=tmp_path / "refit", **arguments)
    assert again.refit == result.refit, "a finished training is returned whole"


def test_what_cannot_be_fitted_after_the_epochs_is_said_before_them(tmp_path: Path) -> None:
    settings = SETTINGS.changed(head_refit=True)
    missing = dataclasses.replace(TRAIN, labels=np.zeros_like(TRAIN.labels))
    with pytest.raises(LithoscopeError, match=r"no training photograph; allowed: .* train.head_refit = false"):
        train(
            network(),
            settings,
            missing,
            VAL,
            None,
            checkpoints=tmp_path,
            on_epoch=lambda *_: pytest.fail("an epoch"),
            progress_bar=False,
        )


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_it_is_the_same_on_passes_that_are_computed_once(tmp_path: Path, share: float) -> None:
    direct, settings = network(), DISCRIMINANT.changed(head_passes=2, frozen=share)
    photographs, count = Photographs(TRAIN, None, ONLINE), round(share * len(direct.blocks()))
    phase = Phase("all", settings, count, rate="lr", computed=True, passes=3)
    cached = network()
    rows, _ = phase_rows(cached, phase, photographs, tmp_path, progress_bar=False)
    fit_discriminant_head(cached, phase, photographs, rows, progress_bar=False)
    direct.eval()
    varied = PackedPhotographs(TRAIN, ONLINE)
    with torch.inference_mode():
        seen = [varied.__getitems__([(epoch, row) for row in range(len(TRAIN))]) for epoch in (0, 1)]
        features = torch.cat([direct.embed(batch.images) for batch in seen]).double().numpy()
    weights, _ = standardised_discriminant(features, np.tile(TRAIN.labels, 2), 2, 0.4)
    found = weights_of(cached).double().numpy()
    assert np.abs(found - weights).max() < 0.02 * np.abs(weights).max(), "but for the rounding to 16 bits"


def test_a_head_that_is_not_linear_is_refused() -> None:
    model = build_classifier(plain_architecture("cnn", 32, 2, 0.0, head="mlp"))
    with pytest.raises(LithoscopeError, match=r"model\.head: linear"):
        start(model, DISCRIMINANT, Photographs(TRAIN, None, None))


def test_kept_norms_stay_in_evaluation_while_all_else_trains() -> None:
    def modes(norms: str) -> set[bool]:
        module = ClassificationModule(network(), SETTINGS.changed(norms=norms), 4).train()
        assert module.network.head.training
        return {part.training for part in module.modules() if isinstance(part, torch.nn.BatchNorm2d)}

    assert modes("batch") == {True}
    assert modes("kept") == {False}
