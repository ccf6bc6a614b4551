"""Figures: the portal beside peers and beside the bare work, interleaved on one machine. Run with `make bench`."""
