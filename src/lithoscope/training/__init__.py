"""The Lightning module, phases, callbacks, optimisers and checkpoints."""
