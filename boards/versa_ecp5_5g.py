"""Lattice ECP5 Versa with an LFE5UM5G-45F; its pins were checked as `_versa` says."""

from accel.boards._versa import versa

BOARD = versa(
    "versa_ecp5_5g",
    "Lattice ECP5-5G Versa",
    device="LFE5UM5G-45F",
    module="versa_ecp5_5g",
    platform="VersaECP55GPlatform",
)
