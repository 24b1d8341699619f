"""What elementwise operators compute on codes, by contract."""
