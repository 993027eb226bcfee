"""The faces of Roadseal: thin; they parse, call and show."""
