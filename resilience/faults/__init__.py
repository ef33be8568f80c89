"""Faults of processes, of the machine and at the start."""
