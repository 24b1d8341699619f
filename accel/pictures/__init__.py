"""Pictures of what was compiled, run, built and explored: pages that open without a network."""
