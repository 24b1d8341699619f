"""A simulated board: a core in compiled RTL at the other end of a serial port."""
