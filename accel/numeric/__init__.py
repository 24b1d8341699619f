"""What numbers mean: rounding contracts, requantization and number formats. NumPy only."""
