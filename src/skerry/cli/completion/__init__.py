"""The scripts that teach shells to ask ``skerry __complete``."""
