"""What becomes of a build's result: files, archives, pushes, attestations, what is written about it."""
