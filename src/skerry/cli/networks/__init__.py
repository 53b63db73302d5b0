"""``skerry network …``."""
