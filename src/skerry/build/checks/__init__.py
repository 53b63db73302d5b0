"""BuildKit's checks of a Containerfile, by their names."""
