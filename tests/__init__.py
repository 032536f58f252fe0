"""Tests: unit, contracts, integration, chaos."""
