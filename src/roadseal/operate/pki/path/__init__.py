"""Whether a certificate is believed: the search for chains, and the rules of RFC 5280 clause 6."""
