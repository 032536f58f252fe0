"""A purchase exchange for crypto-currencies. Importing it imports nothing else of the package."""

__version__ = "0.1.0"
