"""Sharded batches: a batch divided among processes computes what the whole batch would compute in one.

Three things of a step look at the whole batch: batch norms, random layers, and the mean of the loss. Here batch norms
take their statistics over all processes, random layers draw for the whole batch and use their own rows' draws, and
losses are divided by what the whole batch is divided by. What is left are the last digits, since sums are taken in
another order.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

_RANDOM = {F.dropout, F.dropout1d, F.dropout2d, F.dropout3d}


def all_reduce_sum(value: Tensor) -> Tensor:
    """Return the sum of a value over all processes."""
    summed = value.clone()
    dist.all_reduce(summed)
    return summed


class _BatchNorm(torch.autograd.Function):
    """Ioffe & Szegedy, Batch Normalization, 2015, algorithm 1 and its gradient, over all processes' rows.

    Sums are taken in float64, as torch does on the processor. torch's own SyncBatchNorm runs on GPUs alone.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor, count: float, eps: float) -> tuple[Tensor, ...]:
        axes, _ = _but_channels(x)
        wide = x.double()
        sums, squares = all_reduce_sum(torch.stack([wide.sum(axes), wide.square().sum(axes)]))
        mean, variance = (sums / count).to(x.dtype), squares / count - (sums / count).square()
        inverse, variance = torch.rsqrt(variance + eps).to(x.dtype), variance.clamp_min(0).to(x.dtype)
        ctx.save_for_backward(x, scale, mean, inverse)
        ctx.count = count
        ctx.mark_non_differentiable(mean, variance)
        # torch's own kernel, so that what is left differs in the statistics' last digits alone.
        return F.batch_norm(x, mean, variance, scale, shift, training=False, eps=eps), mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, mean, inverse = ctx.saved_tensors
        given = gradients[0]
        axes, shape = _but_channels(given)
        centred = x - mean.view(shape)
        own = torch.stack([given.sum(axes, dtype=torch.float64), (given.double() * centred).sum(axes)])
        level, slope = all_reduce_sum(own) / ctx.count
        slope = slope * inverse.double().square()
        to_x = given - level.to(x.dtype).view(shape) - centred * slope.to(x.dtype).view(shape)
        to_scale, to_shift = (own[1] * inverse).to(scale.dtype), own[0].to(scale.dtype)
        return to_x * (scale * inverse).view(shape), to_scale, to_shift, None, None


def _but_channels(x: Tensor) -> tuple[list[int], list[int]]:
    return [axis for axis in range(x.ndim) if axis != 1], [1, -1, *[1] * (x.ndim - 2)]


class ShardedBatch(TorchFunctionMode):
    """While it is active, layers that look at the whole batch do so over all processes.

    Row ``i`` of this process is row ``rank + i · processes`` of the whole batch.

    Args:
        rows: Rows of the whole batch.
        rank: This process's number.
        processes: How many there are.
    """

    def __init__(self, rows: int, rank: int, processes: int) -> None:
        super().__init__()
        self.rows, self.own = rows, slice(rank, None, processes)
        self.count = len(range(rows)[self.own])

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Take the place of torch's own functions, called by any module."""
        kwargs = kwargs or {}
        if func is F.batch_norm and kwargs.get("training"):
            return self._batch_norm(*args, **kwargs)
        if func in _RANDOM and kwargs.get("training"):
            return self._random(func, *args, **kwargs)
        if func is Tensor.bernoulli_ and args[0].ndim and len(args[0]) == self.count:  # stochastic depth, row by row
            whole = args[0].new_empty(self.rows, *args[0].shape[1:])
            drawn: Tensor = func(whole, *args[1:], **kwargs)[self.own]
            return args[0].copy_(drawn)
        return func(*args, **kwargs)

    def _random(self, func: Any, given: Tensor, **kwargs: Any) -> Tensor:
        """What a dropout makes of ones is what it multiplies anything by."""
        ones = torch.ones((self.rows, *given.shape[1:]), dtype=given.dtype, device=given.device)
        if given.ndim == 4 and given.is_contiguous(memory_format=torch.channels_last):
            ones = ones.contiguous(memory_format=torch.channels_last)  # draws follow the order in memory
        multiplied: Tensor = given * func(ones, **{**kwargs, "inplace": False})[self.own]
        return multiplied

    def _batch_norm(
        self,
        given: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = True,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        """Normalise in float32 whatever comes in, and keep the running statistics."""
        channels = given.shape[1]
        count = given.numel() // channels // self.count * self.rows
        ones, zeros = torch.ones(channels, device=given.device), torch.zeros(channels, device=given.device)
        scale, shift = ones if weight is None else weight, zeros if bias is None else bias
        made = _BatchNorm.apply(given.float(), scale, shift, count, eps)  # type: ignore[no-untyped-call]
        normed, mean, variance = made
        with torch.no_grad():
            if running_mean is not None:
                running_mean.lerp_(mean.to(running_mean.dtype), momentum)
            if running_var is not None:
                running_var.lerp_((variance * (count / (count - 1))).to(running_var.dtype), momentum)
        same: Tensor = normed.to(given.dtype)
        return same


def sharded_loss(
    logits: Tensor, targets: Tensor, weights: Tensor | None, label_smoothing: float, processes: int
) -> Tensor:
    """Return what this process's rows add to the mean cross-entropy of the whole batch, times the processes.

    Times the processes, because gradients are averaged over them. The mean of these values over all processes is what
    ``F.cross_entropy`` returns for the whole batch.

    Args:
        logits: (n, classes), of this process's rows.
        targets: int64 (n,), or shares of classes (n, classes).
        weights: A weight for each class, or None.
        label_smoothing: Share of the target that all classes get.
        processes: How many there are.
    """
    summed = F.cross_entropy(logits, targets, weight=weights, label_smoothing=label_smoothing, reduction="sum")
    rows = torch.tensor(float(len(targets)), device=logits.device)
    divisor = rows if weights is None or targets.ndim > 1 else weights[targets].sum()
    return summed / all_reduce_sum(divisor) * processes
