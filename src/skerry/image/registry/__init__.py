"""Talking to registries: the OCI distribution protocol and what Docker's registries add to it."""
