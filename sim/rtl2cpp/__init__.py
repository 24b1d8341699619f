"""From Yosys' netlist to C++."""
