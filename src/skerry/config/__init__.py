"""What is configured: containers.conf and its relatives, where things are, and on whose behalf Skerry runs."""
