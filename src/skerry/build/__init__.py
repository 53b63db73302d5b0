"""Builds: a Containerfile becomes a graph of steps, the steps an image. A front end over the engine."""
