"""``skerry builder …``."""
