"""What goes wrong between a command and its board: devices at a port, and the moments of faults."""
