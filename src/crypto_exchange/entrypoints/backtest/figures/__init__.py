"""Figures: what a run comes to. Most need numpy."""
