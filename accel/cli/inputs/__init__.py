"""What `accel run` is given: arrays, batches and labels."""
