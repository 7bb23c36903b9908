"""Settings of the gate: the block ``gate`` of ``params.yaml``."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from lithoscope.config.params import GATE
from lithoscope.config.schema import Block, validate_block
from lithoscope.core.errors import LithoscopeError


class Rule(Block):
    """What is asked of one metric.

    Attributes:
        better: Which way is better.
        drop: How much worse is tolerated, in the metric's unit. It has to cover what another training seed does.
        level: Confidence at which a worse one has to be shown, one-sided.
        floor: What the metric must never be worse than; None for no such number.
    """

    better: Literal["higher", "lower"]
    drop: Annotated[float, Field(ge=0, le=100)]
    level: Annotated[float, Field(ge=0.5, le=0.9999)]
    floor: float | None

    def drop_of(self, baseline: float, current: float) -> float:
        """Return by how much the second is worse than the first; below 0 where it is better."""
        return baseline - current if self.better == "higher" else current - baseline


class GateSettings(Block):
    """The block ``gate``; each key is explained in ``params.yaml``."""

    accuracy: Rule
    macro_f1: Rule
    loss: Rule
    above_baselines: bool
    model_size: Annotated[float, Field(gt=0, le=1000)]
    prediction_time: Annotated[float, Field(gt=0, le=1000)]

    @model_validator(mode="after")
    def _directions(self) -> "GateSettings":
        for name, rule in self.rules().items():
            right = "lower" if name == "loss" else "higher"
            if rule.better != right:  # turned round, a gate would let every regression pass
                raise ValueError(f"gate.{name}.better = {rule.better}: allowed: {right}")
        return self

    def rules(self) -> dict[str, Rule]:
        """Return the rule of each metric."""
        return {"accuracy": self.accuracy, "macro_f1": self.macro_f1, "loss": self.loss}


def gate_settings(parameters: Mapping[str, Any], where: str = "params.yaml") -> GateSettings:
    """Validate the block ``gate`` of parameters that were read from ``where``.

    Raises:
        LithoscopeError: It is missing, or with one line for each mistake: the key, its value, what is allowed.
    """
    if GATE not in parameters:
        raise LithoscopeError(f"{where}: the block {GATE} is missing; docs/gate.md says what stands in it")
    return validate_block(GateSettings, parameters[GATE], where, f"{GATE}.")
