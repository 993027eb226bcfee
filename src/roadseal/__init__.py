"""Roadseal: quantum-safe communication between vehicles and the road, and the proof of it."""

__version__ = "0.1.0"
