"""Level 3: the rules of the exchange, checked through the API of any deployment.

Nothing here shares code with the domain. The package loads nothing; `run.run_http` is the way in.
"""
