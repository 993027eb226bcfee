"""Configurations: what a service is told to use, by the content of its files."""

from roadseal.assess.inventory.config.collector import COLLECTOR

__all__ = ["COLLECTOR"]
