"""Integer entropy coding: the same bits on every machine. NumPy only."""
