"""What is attested of an image: the packages in it (SPDX), and how it was built (SLSA), as in-toto statements."""
