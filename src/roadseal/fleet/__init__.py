"""How change is rolled out over many devices: waves, gates, halt, rollback."""
