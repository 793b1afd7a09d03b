"""Network families, in torch."""
