"""How a build that goes on is shown: lines as Podman's, a live view, only the id, or JSON."""
