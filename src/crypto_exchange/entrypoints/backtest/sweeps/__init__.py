"""Sweeps: many runs, and which of them nothing beats."""
