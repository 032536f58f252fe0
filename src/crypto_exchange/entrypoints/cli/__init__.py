"""The command line: `crypto-exchange`."""
