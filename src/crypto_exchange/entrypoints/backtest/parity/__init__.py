"""Parity: what a live service did, decided again, and scored under another policy."""
