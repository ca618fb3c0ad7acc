"""Trained adapters as files that other tools read, and back."""
