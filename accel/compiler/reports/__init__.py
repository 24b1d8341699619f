"""What users are told of a network: operators, what is in the way, what is not exact."""
