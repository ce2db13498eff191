"""A substation that obeys physics and answers over its protocols, for tests, for the demo and for learning."""
