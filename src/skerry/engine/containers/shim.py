"""The door to the shims' adapter for the command line."""

from __future__ import annotations

from skerry.runtime.shim.command import main as main
