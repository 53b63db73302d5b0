"""The Containerfile's language: parsing, typed instructions, word expansion, ignore patterns."""
