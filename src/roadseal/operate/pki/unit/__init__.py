"""A unit in the field: its keys and certificates, the orders it gets, and the way they travel."""
