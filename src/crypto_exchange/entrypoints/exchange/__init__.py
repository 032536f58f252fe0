"""The paper exchange: a venue of our own that speaks Binance's spot REST protocol.

It runs as a separate process and shares no code with the rest of the package, so that it can
serve as an oracle for whatever trades with it. Inside, every amount, price and rate is an integer
count of 10⁻⁸ (see `amounts`).
"""
