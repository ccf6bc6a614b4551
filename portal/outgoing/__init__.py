"""Calls to addresses that other people chose: bounded, and never into the network that the portal stands in."""
