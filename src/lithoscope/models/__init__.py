"""Networks, pretrained weights, devices, saved models and their predictions."""
