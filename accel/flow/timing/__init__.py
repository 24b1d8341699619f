"""What tools report of a routed design, static timing analysis, and the Fmax that is signed off."""
