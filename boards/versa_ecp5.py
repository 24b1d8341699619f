"""Lattice ECP5 Versa with an LFE5UM-45F; its pins were checked as `_versa` says."""

from accel.boards._versa import versa

BOARD = versa(
    "versa_ecp5",
    "Lattice ECP5 Versa",
    device="LFE5UM-45F",
    module="versa_ecp5",
    platform="VersaECP5Platform",
)
