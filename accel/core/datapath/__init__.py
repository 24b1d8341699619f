"""The way of the data: rows in, the array, sums out, codes to memory."""
