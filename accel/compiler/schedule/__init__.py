"""How a layer is computed on the array: the dataflow of fewest cycles."""
