"""What tools made: whether it is whole, and why it failed."""
