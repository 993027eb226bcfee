"""How a quantum-safe road is run every day: identities, keys from light, firmware, access.

The rooms in here do not know each other; what joins them is composed in `roadseal.pilot` or
`roadseal.app`.
"""
