"""What cryptography there is, what is exposed, and what moves first."""
