"""OCI runtime specs, security defaults, conmon, and the runtimes' command lines."""
