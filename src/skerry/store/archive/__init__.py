"""Tar archives: reading them as hostile input into a folder, rebuilding them exactly, writing them."""
