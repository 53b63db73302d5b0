"""A small builder in a process of its own, to be killed: STORE-FLAGS… -- WHAT…

``steps``: two steps with a cache mount and a network, by their keys, an image of them, the end of the build.
``sleep``: one step that runs until it is killed."""

from __future__ import annotations

import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "src"))

from skerry import records  # noqa: E402
from skerry.engine.builds.types import RunRequest, StepMount  # noqa: E402
from skerry.engine.engine import Engine, open_engine  # noqa: E402


def engine_on(top: str) -> Engine:
    """The engine on a test's store, as `tests.support.command.Skerry` and `tests.crash.world.World` name its parts."""
    if top == "default":
        return open_engine({})
    return open_engine(
        {"root": f"{top}/root", "runroot": f"{top}/run", "tmpdir": f"{top}/tmp", "network_config_dir": f"{top}/net",
         "volumepath": f"{top}/vol", "events_backend": "file"}
    )  # fmt: skip


def steps(engine: Engine, image: str, script: str = "echo {} > /file-{}", name: str = "key") -> list[str]:
    """Build; the scripts that were run, as others came from the cache."""
    builds, ran = engine.builds, []
    chain = list(engine.images.resolve(image)["layers"])
    for number in (1, 2):
        key = f"{name}-{number}"
        with builds.lock_step(key):
            record = builds.lookup(key)
            if record is None:
                ran.append(key)
                with builds.open_root(chain) as root, builds.cache_mount("cache") as cache:
                    command = script.replace("{}", str(number))
                    mounts = [
                        StepMount("bind", "/cache", cache.path, ours=True), StepMount("secret", "/s", data=b"x"),
                    ]  # fmt: skip
                    request = RunRequest(["/bin/sh", "-c", command], mounts=mounts)
                    if number == 2:  # with ids of its own
                        request.namespaces, request.id_maps = {"user": "private"}, {"uidmap": ["0:1:1000"]}
                    code = root.run(request)
                    assert code == 0, code
                    layer = root.commit()
                record = builds.record(key, layer["chain_id"] if layer else None, identity=f"step {number}")
        if record["layer"]:
            chain.append(record["layer"])
    document = {"architecture": "amd64", "os": "linux", "config": {}, "history": [], "created": "2020-01-01T00:00:00Z"}
    builds.image(document, chain, ["built"])
    builds.finish()
    return ran


def sleep(engine: Engine, image: str, network: str) -> None:
    """Run until somebody ends it."""
    with engine.builds.open_root(engine.images.resolve(image)["layers"]) as root:
        script = "(sleep 987 &); echo ready; exec sleep 987"
        root.run(
            RunRequest(["/bin/sh", "-c", script], network=network, output=lambda _fd, data: print(data, flush=True))
        )


def shell(engine: Engine, image: str) -> None:
    """A step that fails, and a shell in its place on our terminal."""
    with engine.builds.open_root(engine.images.resolve(image)["layers"]) as root:
        secret = StepMount("secret", "/s", data=b"hush", mode=0o444)
        request = RunRequest(["/bin/sh", "-c", "echo left > /tmp/left; exit 4"], env=["A=b"], user="7", mounts=[secret])
        print("failed", root.run(request))
        print("shell", root.run(records.replace(request, argv=["/bin/sh"], terminal=True)))


def main() -> None:
    top, what, *rest = sys.argv[1:]
    sys.argv[0] = str(TOP / "bin/skerry")  # what watches over the steps calls it
    engine = engine_on(top)
    if what == "steps":
        print(*steps(engine, *rest))
    elif what == "shell":
        shell(engine, *rest)
    else:
        sleep(engine, *rest)


if __name__ == "__main__":
    main()
