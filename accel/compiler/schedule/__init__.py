"""How a layer is walked on the array, and which way takes the fewest cycles."""
