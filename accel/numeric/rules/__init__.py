"""Output rules: how the sum of an output channel becomes its code."""
