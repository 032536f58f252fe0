"""Ways in: each decodes, calls one function of the domain, and encodes."""
