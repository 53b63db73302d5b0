"""Every command: dispatch, help, completion and "did you mean" read this table and load nothing else.

A command is listed once, under the name that its help shows, with the module that does it and its other names.
To add a command: a line here, and ``cli/<group>/<name>.py`` with USAGE, FLAGS and run() (see CONTRIBUTING).
"""

from __future__ import annotations


class Command:
    """``module`` (below ``skerry.cli``), a one-line ``summary``, and ``also``: other full names of the same command.

    ``starts``: it starts processes in containers, so what that waits for is worth beginning at once."""

    __slots__ = ("also", "hidden", "module", "starts", "summary")

    def __init__(self, module: str, summary: str, *also: str, hidden: bool = False, starts: bool = False) -> None:
        self.module = module
        self.summary = summary
        self.also = also
        self.hidden = hidden
        self.starts = starts


# Words that only hold other commands (a group in a group by both words), with what their help says.
GROUPS = {
    "container": "Manage containers",
    "healthcheck": "Manage health checks of containers",
    "image": "Manage images",
    "manifest": "Manage lists of manifests",
    "network": "Manage networks",
    "secret": "Manage secrets",
    "volume": "Manage volumes",
    "system": "Manage Skerry",
    "builder": "Manage what builds keep",
    "buildx": "The same, as Docker spells it",
}

COMMANDS = {
    # Containers
    "attach": Command("containers.attach", "Attach to a running container", "container attach"),
    "cp": Command("containers.cp", "Copy files between a container and the host", "container cp"),
    "create": Command("containers.create", "Create but do not start a container", "container create"),
    "exec": Command("containers.exec", "Run a process in a running container", "container exec", starts=True),
    "init": Command("containers.init", "Prepare containers without starting them", "container init", starts=True),
    "inspect": Command("containers.inspect", "Display the configuration of an object by name or ID"),
    "kill": Command("containers.kill", "Kill one or more running containers with a specific signal", "container kill"),
    "logs": Command("containers.logs", "Fetch the logs of one or more containers", "container logs"),
    "port": Command("containers.port", "List the port mappings of a container", "container port"),
    "pause": Command("containers.pause", "Pause the processes of containers", "container pause"),
    "ps": Command("containers.ps", "List containers", "container list", "container ls", "container ps"),
    "rename": Command("containers.rename", "Rename a container", "container rename"),
    "restart": Command("containers.restart", "Restart one or more containers", "container restart", starts=True),
    "rm": Command("containers.rm", "Remove one or more containers", "container rm"),
    "run": Command("containers.run", "Run a command in a new container", "container run", starts=True),
    "start": Command("containers.start", "Start one or more containers", "container start", starts=True),
    "stop": Command("containers.stop", "Stop one or more containers", "container stop"),
    "stats": Command("containers.stats", "Show what containers use, as it changes", "container stats"),
    "top": Command("containers.top", "Show the processes of a container", "container top"),
    "unpause": Command("containers.unpause", "Unpause the processes of containers", "container unpause"),
    "update": Command("containers.update", "Change limits, ports and more of a container", "container update"),
    "wait": Command("containers.wait", "Block until containers stop and print their exit codes", "container wait"),
    "healthcheck run": Command("containers.healthcheck_run", "Run the health check of a container", starts=True),
    "container cleanup": Command("containers.cleanup", "Clean up network and mounts of stopped containers"),
    "container clone": Command("containers.clone", "Create a container like another one", starts=True),
    "container exists": Command("containers.exists", "Check whether a container exists"),
    "container diff": Command("containers.diff_container", "Show what a container changes in its image"),
    "container inspect": Command("containers.inspect_container", "Display the configuration of a container"),
    "container runlabel": Command(
        "containers.runlabel", "Execute the command that an image's label describes", starts=True
    ),
    "container prune": Command("containers.prune", "Remove all containers that do not run"),
    "diff": Command("containers.diff", "Show what a container or an image changes"),
    "export": Command("containers.export", "Export a container's root file system as a tar", "container export"),
    "mount": Command("containers.mount", "Mount a container's root file system", "container mount"),
    "unmount": Command(
        "containers.unmount",
        "Unmount a container's root file system",
        "umount",
        "container unmount",
        "container umount",
    ),
    # Images
    "commit": Command("images.commit", "Make an image of a container's changes", "container commit"),
    "import": Command("images.import_tar", "Make an image of a root file system's tar", "image import"),
    "image diff": Command("images.diff", "Show what an image's top layer changes"),
    "image mount": Command("images.mount", "Mount an image's tree read-only"),
    "image tree": Command("images.tree", "Show an image's layers as a tree"),
    "image unmount": Command("images.unmount", "Unmount an image's tree", "image umount"),
    "history": Command("images.history", "Show the history of an image", "image history"),
    "images": Command("images.list", "List images", "image list", "image ls"),
    "load": Command("images.load", "Load images from an archive", "image load"),
    "login": Command("images.login", "Log in to a registry"),
    "logout": Command("images.logout", "Log out of a registry"),
    "pull": Command("images.pull", "Pull images from a registry", "image pull"),
    "push": Command("images.push", "Push an image to a registry", "image push"),
    "rmi": Command("images.rm", "Remove one or more images", "image rm", "image remove"),
    "save": Command("images.save", "Save images to an archive", "image save"),
    "search": Command("images.search", "Search registries for images", "image search"),
    "tag": Command("images.tag", "Add a name to an image", "image tag"),
    "untag": Command("images.untag", "Remove a name from an image", "image untag"),
    "image bootstrap": Command("images.bootstrap", "Make a base image without a registry"),
    "image exists": Command("images.exists", "Check whether an image exists"),
    "image inspect": Command("images.inspect", "Display the configuration of an image"),
    "image prune": Command("images.prune", "Remove unused images"),
    # Lists of manifests
    "manifest add": Command("manifests.add", "Add images or files to a list of manifests"),
    "manifest annotate": Command("manifests.annotate", "Change what a list of manifests says of its instances"),
    "manifest create": Command("manifests.create", "Make a list of manifests"),
    "manifest exists": Command("manifests.exists", "Check whether a list of manifests exists"),
    "manifest inspect": Command("manifests.inspect", "Show a list of manifests"),
    "manifest push": Command("manifests.push", "Push a list of manifests to a registry"),
    "manifest remove": Command("manifests.remove", "Take an instance from a list of manifests"),
    "manifest rm": Command("manifests.rm", "Remove lists of manifests"),
    # Networks
    "network connect": Command("networks.connect", "Add a container to a network"),
    "network create": Command("networks.create", "Create a network"),
    "network disconnect": Command("networks.disconnect", "Take a container off a network"),
    "network exists": Command("networks.exists", "Check whether a network exists"),
    "network inspect": Command("networks.inspect", "Display the configuration of a network"),
    "network ls": Command("networks.list", "List networks", "network list"),
    "network prune": Command("networks.prune", "Remove unused networks"),
    "network reload": Command("networks.reload", "Put the firewall rules of containers back"),
    "network rm": Command("networks.rm", "Remove one or more networks", "network remove"),
    "network update": Command("networks.update", "Change a network's name servers"),
    # Secrets
    "secret create": Command("secrets.create", "Create a secret"),
    "secret exists": Command("secrets.exists", "Check whether a secret exists"),
    "secret inspect": Command("secrets.inspect", "Display the configuration of a secret"),
    "secret ls": Command("secrets.list", "List secrets", "secret list"),
    "secret rm": Command("secrets.rm", "Remove one or more secrets"),
    # Volumes
    "volume create": Command("volumes.create", "Create a volume"),
    "volume exists": Command("volumes.exists", "Check whether a volume exists"),
    "volume export": Command("volumes.export", "Write a volume's files as a tar"),
    "volume import": Command("volumes.import_tar", "Unpack a tar into a volume"),
    "volume inspect": Command("volumes.inspect", "Display the configuration of a volume"),
    "volume ls": Command("volumes.list", "List volumes", "volume list"),
    "volume mount": Command("volumes.mount", "Mount a volume and print where"),
    "volume prune": Command("volumes.prune", "Remove unused volumes"),
    "volume reload": Command("volumes.reload", "Learn which volumes the volume plugins have"),
    "volume rm": Command("volumes.rm", "Remove one or more volumes", "volume remove"),
    "volume unmount": Command("volumes.unmount", "Take one mount of a volume back", "volume umount"),
    # Skerry itself
    "completion": Command("system.completion", "Print a completion script for a shell"),
    "doctor": Command("system.doctor", "Check what this host can do, and how to mend what is missing"),
    "events": Command(
        "system.events", "Show what happens to containers, images, networks and volumes", "system events"
    ),
    "help": Command("system.help", "Show the help of a command"),
    "info": Command("system.info", "Display information about this host and store", "system info"),
    "unshare": Command("system.unshare", "Run a command in the user namespace of rootless containers"),
    "build": Command(
        "images.build",
        "Build an image from a Containerfile",
        "image build",
        "builder build",
        "buildx build",
        "buildx b",
    ),
    "buildx create": Command("builds.buildx_create", "Name the builder, as Docker's scripts do"),
    "buildx inspect": Command("builds.buildx_inspect", "Say what the builder is"),
    "buildx ls": Command("builds.buildx_list", "List builders: there is one"),
    "buildx use": Command("builds.buildx_use", "Use the builder", "buildx rm", "buildx stop"),
    "buildx version": Command("builds.buildx_version", "Print the builder's version"),
    "builder du": Command("builder.du", "Show what builds keep and how much of the disk it takes", "buildx du"),
    "builder prune": Command("builder.prune", "Remove what builds keep", "buildx prune"),
    "version": Command("system.version", "Display the version"),
    "system check": Command("system.check", "Check the store for damage and left-overs, and repair it"),
    "system df": Command("system.df", "Show how much of the disk is used"),
    "system migrate": Command("system.migrate", "Stop all containers, for other subordinate ids or another runtime"),
    "system prune": Command("system.prune", "Remove unused containers, networks, images and volumes"),
    "system supervise": Command("system.supervise", "Be the supervisor", hidden=True),
    "system supervisor": Command("system.supervisor", "Show what looks after health checks and restarts"),
    "system renumber": Command("system.renumber", "Renumber locks, of which there are none with numbers"),
    "system reset": Command("system.reset", "Remove everything that Skerry stores"),
    "__shim": Command("shim", "A containerd shim as an OCI runtime", hidden=True),
    "__complete": Command(
        "complete", "What a half-typed command line could go on with", "__completeNoDesc", hidden=True
    ),
}


def lookup(path: str) -> Command | None:
    """The command of a full name, canonical or other."""
    command = COMMANDS.get(path)
    if command is not None:
        return command
    for command in COMMANDS.values():
        if path in command.also:
            return command
    return None


def canonical(command: Command) -> str:
    """The name that a command is listed under."""
    return next(path for path, other in COMMANDS.items() if other is command)


def names_in(group: str) -> dict[str, tuple[Command, list[str]]]:
    """What a group's help lists (``""``: the top level): first name → its command and its other names there."""
    found: dict[str, tuple[Command, list[str]]] = {}
    for path, command in COMMANDS.items():
        if command.hidden:
            continue
        here = [p.rpartition(" ")[2] for p in (path, *command.also) if p.rpartition(" ")[0] == group]
        if here:
            found[here[0]] = (command, here[1:])
    return found
