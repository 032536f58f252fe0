"""The HTTP API: handlers decode bytes, call one use case or read model, and encode."""
