"""Tests: unit, integration, chaos."""
