"""LambdaConcept ECPIX-5 with an LFE5UM5G-85F; its pins were checked as `_ecpix5` says."""

from accel.boards._ecpix5 import ecpix5

BOARD = ecpix5("85F")
