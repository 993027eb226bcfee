"""Enrolment over Secure Transport (RFC 7030): both ends, and who may enrol."""
