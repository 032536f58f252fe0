"""Use cases: short async scripts, load → decide → commit, grouped as the API is.

They see ports and decisions only. A lost race is decided again, from the second try on with the row
locked, until `PATIENCE_US` is over.
"""
