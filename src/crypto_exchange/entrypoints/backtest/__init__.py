"""Backtest: an order stream and a price history, replayed through the decisions of the domain."""
