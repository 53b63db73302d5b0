"""Commands on lists of manifests."""
