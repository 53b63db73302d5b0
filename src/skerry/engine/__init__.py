"""The operations and their rules: containers, images, volumes, networks, events, system. The importable library."""
