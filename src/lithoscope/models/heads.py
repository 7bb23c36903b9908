"""Classification heads: from the pooled features of a backbone to logits."""

from torch import Tensor, nn

from lithoscope.config.network import Head
from lithoscope.core.errors import LithoscopeError

MLP_WIDTHS = (512, 128)


class _HeadBatchNorm(nn.BatchNorm1d):
    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (torch's name)
        if self.training and len(input) == 1:
            raise LithoscopeError(
                "model.head = batchnorm: a batch of one photograph has no spread to learn; raise batch_size to 2 or "
                "more, or choose model.head linear or mlp"
            )
        return super().forward(input)


def build_head(kind: Head, features: int, classes: int, dropout: float) -> nn.Sequential:
    """Build a head with fresh weights from torch's global random state.

    Args:
        kind: ``linear``: dropout, linear. ``batchnorm``: batch norm, dropout, linear. ``mlp``: linear to 512, ReLU,
            dropout, linear to 128, ReLU, dropout, linear.
        features: Width of its input, float (n, features).
        classes: Width of its output.
        dropout: Probability of each dropout.
    """
    layers: list[nn.Module] = []
    if kind == "mlp":
        for width in MLP_WIDTHS:
            layers += [nn.Linear(features, width), nn.ReLU(inplace=True), nn.Dropout(dropout)]
            features = width
        return nn.Sequential(*layers, nn.Linear(features, classes))
    if kind == "batchnorm":
        layers.append(_HeadBatchNorm(features))
    return nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(features, classes))
