"""The worker: seals, buys and settles, and keeps prices and market rules up to date."""
