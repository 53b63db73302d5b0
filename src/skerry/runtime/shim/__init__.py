"""containerd shims (``--runtime io.containerd.runc.v2``) behind the command line of an OCI runtime.

conmon, which keeps stdio, log and exit code, wants a runtime program: `command` is one. It starts the shim in the
bundle and speaks ttrpc with it (`ttrpc`, `task`). For each container and each exec session one small process of ours
(`standin`) stands where the runtime would have left the program: conmon's child, which ends as the program ends.
See docs/decisions/040.
"""
