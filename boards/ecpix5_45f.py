"""LambdaConcept ECPIX-5 with an LFE5UM5G-45F; its pins were checked as `_ecpix5` says."""

from accel.boards._ecpix5 import ecpix5

BOARD = ecpix5("45F")
