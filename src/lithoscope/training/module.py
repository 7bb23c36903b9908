"""Lightning module: settings, one step of training, one of validation, the optimiser."""

from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lithoscope.config.params import Parameters, TrainParameters
from lithoscope.core.random_streams import integer_seed
from lithoscope.data.loading.dataloader import Batch
from lithoscope.models.classifier import Classifier
from lithoscope.models.device import Device, Precision
from lithoscope.models.frozen_features import run_frozen, run_rest, stands_alone
from lithoscope.training import distributed
from lithoscope.training.mixup import Mixing
from lithoscope.training.optim import build_optimizer, build_schedule, parameter_groups
from lithoscope.training.sharded_batch import ShardedBatch, all_reduce_sum, sharded_loss

MAIN = ("lr", "epochs", "batch_size", "seed")
"""The keys outside the block ``train`` that say how to train."""


class TrainingSettings(TrainParameters):
    """How to train: ``params.yaml``'s block ``train``, its main parameters, and what was resolved at run time."""

    lr: float
    epochs: int
    batch_size: int
    seed: int
    device: Device
    precision: Precision

    @classmethod
    def from_parameters(cls, params: Parameters, device: Device, precision: Precision) -> "TrainingSettings":
        """Take the settings out of ``params.yaml``, with device and precision as they were resolved."""
        given = {**params.train.model_dump(), **{name: getattr(params, name) for name in MAIN}}
        return cls.model_validate({**given, "device": device, "precision": precision})

    def changed(self, **changes: Any) -> "TrainingSettings":
        """Return settings with other values, which may lie outside what ``params.yaml`` may hold."""
        assert changes.keys() <= type(self).model_fields.keys(), changes
        return self.model_copy(update=changes)

    @property
    def all_epochs(self) -> int:
        """How many epochs there are at most, over both phases."""
        return self.epochs + self.head_epochs


_STATES = {"state_dict", "current_model_state"}
"""Where a checkpoint holds weights; the second one beside an average."""


class ClassificationModule(L.LightningModule):
    """Cross-entropy training of a classifier that takes photographs in 0 … 255.

    Args:
        network: What is trained.
        settings: How.
        batches_per_epoch: Batches that make an epoch.
        frozen: How many blocks stay as they are, in evaluation mode.
        computed: Whether batches hold what the frozen blocks made of photographs, instead of photographs.
        weights: A weight for each class, or None.
        mixing: What mixes the photographs of a batch, or None.
    """

    def __init__(
        self,
        network: Classifier,
        settings: TrainingSettings,
        batches_per_epoch: int,
        *,
        frozen: int = 0,
        computed: bool = False,
        weights: Tensor | None = None,
        mixing: Mixing | None = None,
    ) -> None:
        super().__init__()
        self.network, self.settings, self.mixing = network, settings, mixing
        self.frozen, self.computed = frozen, computed
        self.steps_per_epoch = -(-batches_per_epoch // settings.accumulate)
        self.weights: Tensor | None
        self.register_buffer("weights", weights, persistent=False)

    def train(self, mode: bool = True) -> "ClassificationModule":
        """Switch between training and evaluation; frozen blocks, and norms that are kept, stay in evaluation."""
        super().train(mode)
        if self.settings.norms == "kept":
            for module in self.network.backbone.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        for block in self.network.blocks()[: self.frozen]:
            block.eval()
        return self

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Key the draws of this step (dropout, mixing) by where it stands, not by what came before.

        Several processes start from the same state: each draws for the whole batch.
        """
        torch.manual_seed(integer_seed(self.settings.seed, "step", self.current_epoch, batch_idx, 0))

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Move a batch to where the network is."""
        return Batch(batch.images.to(device, non_blocking=True), batch.labels.to(device, non_blocking=True))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (n, classes) for what batches hold."""
        if not self.frozen or not stands_alone(self.network, self.frozen):
            logits: Tensor = self.network(images)
            return logits
        if not self.computed:
            with torch.no_grad():
                images = run_frozen(self.network, images, self.frozen)
        return run_rest(self.network, images, self.frozen)

    def _log_figures(self, part: str, loss: Tensor, logits: Tensor, labels: Tensor, rows: int | None = None) -> None:
        """Log the epoch's means; ``rows``: how many the loss is the mean of, where they are not this process's own."""
        accuracy, own = (logits.argmax(dim=1) == labels).float().mean(), len(labels)
        for name, value, of in (("loss", loss, rows or own), ("accuracy", accuracy, own)):
            # Times the processes, since Lightning averages the sizes over them, and rounds the average down.
            size = of * distributed.world_size()
            self.log(f"{part}_{name}", value, on_step=False, on_epoch=True, batch_size=size, sync_dist=True)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of one batch."""
        images, targets, labels = batch.images, batch.labels, batch.labels
        if self.mixing is not None:
            images, targets = self.mixing(images, labels)
            labels = targets.argmax(dim=1)
        if distributed.world_size() > 1:
            return self._sharded_step(images, targets, labels)
        logits = self(images)
        loss = F.cross_entropy(
            logits.float(), targets, weight=self.weights, label_smoothing=self.settings.label_smoothing
        )
        self._log_figures("train", loss, logits, labels)
        return loss

    def _sharded_step(self, images: Tensor, targets: Tensor, labels: Tensor) -> Tensor:
        """Return this process's part of the loss; a batch that was mixed is a whole one, of which it takes its rows."""
        rank, several = distributed.rank(), distributed.world_size()
        if self.mixing is not None:
            rows = len(labels)
            images, targets, labels = (whole[rank::several] for whole in (images, targets, labels))
        else:
            rows = int(all_reduce_sum(torch.tensor(len(labels), device=images.device)))
        with ShardedBatch(rows, rank, several):
            logits = self(images)
        loss = sharded_loss(logits.float(), targets, self.weights, self.settings.label_smoothing, several)
        self._log_figures("train", loss, logits, labels, rows)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log loss and accuracy of one batch: no label smoothing, no mixing, no weights."""
        logits = self(batch.images)
        self._log_figures("val", F.cross_entropy(logits.float(), batch.labels), logits, batch.labels)

    def _frozen_names(self) -> set[str]:
        """Return what the values of the frozen blocks are called in the state dict."""
        blocks = self.network.blocks()[: self.frozen]
        prefixes = tuple(
            f"{name}." for name, module in self.named_modules() if any(module is block for block in blocks)
        )
        return {name for name in self.state_dict() if name.startswith(prefixes)}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave frozen blocks out: writing them at the end of each epoch can take longer than the epoch."""
        frozen = self._frozen_names()
        for states in _STATES & checkpoint.keys():
            checkpoint[states] = {name: value for name, value in checkpoint[states].items() if name not in frozen}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put frozen blocks in, which are as they were."""
        own = self.state_dict()
        for states in _STATES & checkpoint.keys():
            checkpoint[states] = {**{name: own[name] for name in self._frozen_names()}, **checkpoint[states]}

    def configure_optimizers(self) -> Any:
        """Build the optimiser and the schedule, stepped after every step of the optimiser."""
        settings = self.settings
        groups = parameter_groups(self.network, settings.lr, settings.weight_decay, settings.layer_decay)
        optimizer = build_optimizer(settings.optimizer, groups)
        scheduler = build_schedule(
            settings.schedule,
            optimizer,
            steps=settings.epochs * self.steps_per_epoch,
            warmup_steps=min(settings.warmup, settings.epochs - 1) * self.steps_per_epoch,
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
