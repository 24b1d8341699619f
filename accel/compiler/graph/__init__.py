"""What is done with graphs: checks, simplification, ordering, partition, and execution in NumPy."""
