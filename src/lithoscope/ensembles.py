"""Several networks as one."""

from collections.abc import Mapping, Sequence

from torch import Tensor


def join_states(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the state of the model that is saved: of one network its own, of several that of their ensemble."""
    if len(states) == 1:
        return dict(states[0])
    return {f"members.{place}.{key}": value for place, state in enumerate(states) for key, value in state.items()}
