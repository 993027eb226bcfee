"""The pilot: one corridor, every approach on the same traffic, measured side by side.

`run_pilot` runs a `PilotScenario` and gives `Results`; approaches and scenarios are TOML files.
Vehicles (SUMO), radio (published models) and link media are simulated and labelled so; messages,
certificates, decisions and TLS sessions are real.
"""
