"""Temperature scaling (Guo et al. 2017).

Source: C. Guo, G. Pleiss, Y. Sun & K. Q. Weinberger (2017), On Calibration of Modern Neural Networks, ICML.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

FEWEST = 30  # fewer validation photographs say too little about a temperature
_COLDEST, _HOTTEST = 0.05, 20.0
_DIGITS = 4
GIVEN = "given as train.temperature"

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Temperature:
    """What logits are divided by before the softmax.

    Attributes:
        value: Above 1 it makes confidences lower, below 1 higher; 1 leaves them as they are. It never changes which
            class is named.
        photographs: Of how many validation photographs it was fitted; 0 where none was.
        reason: Why none was fitted, or "".
        loss_before: Mean cross-entropy of those photographs at temperature 1, nats.
        loss_after: At this temperature.
    """

    value: float = 1.0
    photographs: int = 0
    reason: str = ""
    loss_before: float | None = None
    loss_after: float | None = None

    def summary(self) -> dict[str, Any]:
        """Return what ``metrics/train.json`` says of it."""
        if not self.photographs:
            return {"temperature": self.value, "photographs": 0, "reason": self.reason}
        losses = {"loss_before": self.loss_before, "loss_after": self.loss_after}
        return {"temperature": self.value, "photographs": self.photographs, **losses}

    def line(self, photographs: str = "validation photographs") -> str:
        """Return a line for the terminal; ``photographs`` names what it was fitted on."""
        if self.reason == GIVEN:
            return f"temperature {self.value:g}, {GIVEN}"
        if not self.photographs:
            return f"confidences are not calibrated: {self.reason}"
        return f"temperature {self.value:g}, fitted on {self.photographs} {photographs}"


def fit_temperature(logits: Floats, labels: Labels) -> Temperature:
    """Fit the temperature with the lowest cross-entropy (Guo et al. 2017, section 4.2).

    Args:
        logits: Of validation photographs, (n, classes); photographs that trained or that test have no place here.
        labels: int64 (n,).

    Returns:
        The temperature, between .05 and 20; 1 with a reason where there are fewer than 30 photographs, or where all of
        them are classified correctly, so that ever higher confidences would only ever look better.
    """
    if len(labels) == 0:
        return Temperature(reason="no validation photographs")
    if len(labels) < FEWEST:
        return Temperature(reason=f"{len(labels)} validation photographs are too few, {FEWEST} are needed")
    exact = logits.astype(np.float64)
    if (exact.argmax(axis=1) == labels).all():
        return Temperature(
            reason=f"all {len(labels)} validation photographs are classified correctly, which sets no limit"
        )
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(exact / np.exp(log_temperature), axis=1)[rows, labels].mean())

    # One valley: the loss is convex in 1 / temperature.
    found = minimize_scalar(
        loss, bounds=(np.log(_COLDEST), np.log(_HOTTEST)), method="bounded", options={"xatol": 1e-7}
    )
    value = round(float(np.exp(found.x)), _DIGITS)
    return Temperature(value, len(labels), "", round(loss(0.0), 6), round(loss(float(np.log(value))), 6))


def tempered(logits: Floats, temperature: float) -> npt.NDArray[np.float32]:
    """Return the probabilities of logits (n, classes) at a temperature, float32 (n, classes)."""
    probabilities: npt.NDArray[np.float32] = softmax(logits.astype(np.float64) / temperature, axis=1).astype(np.float32)
    return probabilities
