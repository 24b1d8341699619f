"""Where tensors and weights lie, in memory and in flash."""
