"""What a configuration is on a chip: resources, floor plan, bitstream and energy."""
