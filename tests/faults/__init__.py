"""Faults of the disk and of the machine, put into every command that writes."""
