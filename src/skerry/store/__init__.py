"""Blobs, layers, mounts, the state database, locks and crash recovery. Knows nothing of what a container means."""
