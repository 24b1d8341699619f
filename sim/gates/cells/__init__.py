"""Models of the FPGAs' cells, a module for each vendor's family."""
