"""How many small faults in the rules the unit tests notice: docs/mutation.md."""
