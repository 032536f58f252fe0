"""The service under every fault at once: `python -m tests.chaos --help`, docs/chaos.md."""
