"""Images as they travel: references, manifests, configs, archives."""
