"""Demonstrations that compose rooms which do not know each other."""
