"""The testing kit: checks any set of adapters, or any deployment, against the rules of this domain.

`crypto_exchange.testing` is its public name. Importing this package imports nothing else.
"""
