"""What the compiler can say about a network: operators, what is in the way, what is not exact."""
