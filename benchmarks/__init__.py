"""Measurements of the codec beside its peers; uses the public API only and is not installed."""
