"""Boards, one file each: the file name is the board name."""
