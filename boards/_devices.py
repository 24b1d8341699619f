"""What the FPGAs have, by the names that ``report.json`` uses."""

ICE40UP5K = {"LC": 5280, "DSP": 8, "EBR": 30, "SPRAM": 4}

LFE5U_85F = {"LUT": 83640, "FF": 83640, "DSP": 156, "EBR": 208}
