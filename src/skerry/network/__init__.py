"""Bridges, ports, firewall, DNS, pasta: from what is wanted to what the kernel does."""
