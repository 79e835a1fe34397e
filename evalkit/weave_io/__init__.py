"""Weave: the embedded store, publication, and the only place that imports the SDK."""
