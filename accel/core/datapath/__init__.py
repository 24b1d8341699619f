"""The datapath: words to the array, sums out of it, codes to memory."""
