#!/usr/bin/python3
"""Projects as people have them, built by Skerry and by its peers, and what comes out compared: tree, config, history.

    bench/real_builds.py [--only python,node,nginx,c] [--podman COMMAND] [--docker COMMAND]

Needs root, the network (Debian's, Python's and npm's packages) and some minutes; so it is no test of the CI. COMMAND is
what is put before ``build``, with its flags for a store of its own. Differences are printed, and then the exit code is 1.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
BASE = "localhost/debian:12"
CA = "/etc/ssl/certs/ca-certificates.crt"
SECRET = "--mount=type=secret,id=ca,target=/ca.crt"

PROJECTS: dict[str, dict[str, str]] = {
    "python": {
        "Dockerfile": f"""FROM {BASE}
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv ca-certificates && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ENV PIP_CERT=/ca.crt PATH=/venv/bin:$PATH
COPY requirements.txt .
RUN {SECRET} --mount=type=cache,target=/root/.cache/pip python3 -m venv /venv && pip install --no-compile -r requirements.txt
COPY --chown=1000:1000 app.py .
USER 1000
EXPOSE 8000
HEALTHCHECK --interval=10s CMD python3 -c "import flask"
CMD ["python3", "app.py"]
""",
        "requirements.txt": "flask==3.0.3\n",
        "app.py": "import flask\n\nflask.Flask(__name__).run(port=8000)\n",
    },
    "node": {
        "Dockerfile": f"""FROM {BASE} AS deps
RUN apt-get update && apt-get install -y --no-install-recommends nodejs npm ca-certificates && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY package.json ./
RUN {SECRET} --mount=type=cache,target=/root/.npm NODE_EXTRA_CA_CERTS=/ca.crt npm install --omit=dev --no-audit --no-fund
FROM {BASE}
WORKDIR /src
COPY --from=deps /src/node_modules ./node_modules
COPY index.js package.json ./
ENV NODE_ENV=production
ENTRYPOINT ["node"]
CMD ["index.js"]
""",
        "package.json": json.dumps({"name": "web", "version": "1.0.0", "dependencies": {"express": "4.19.2"}}),
        "index.js": "require('express')().listen(8000)\n",
    },
    "nginx": {
        "Dockerfile": f"""FROM {BASE}
ARG DEBIAN_FRONTEND=noninteractive
RUN <<END
set -e
apt-get update
apt-get install -y --no-install-recommends nginx-light
rm -rf /var/lib/apt/lists/*
ln -sf /dev/stdout /var/log/nginx/access.log
END
COPY <<'END' /etc/nginx/conf.d/site.conf
server {{ listen 8080; root /srv; }}
END
COPY --chmod=644 index.html /srv/
VOLUME /var/cache/nginx
EXPOSE 8080/tcp
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=5s --timeout=2s --retries=3 CMD nginx -t
CMD ["nginx", "-g", "daemon off;"]
""",
        "index.html": "<h1>hello</h1>\n",
    },
    "c": {
        "Dockerfile": f"""FROM {BASE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev make && rm -rf /var/lib/apt/lists/*
COPY . /src
RUN --mount=type=tmpfs,target=/tmp make -C /src hello
FROM scratch
LABEL org.opencontainers.image.title=hello
COPY --from=build /src/hello /bin/hello
ENTRYPOINT ["/bin/hello"]
""",
        "Makefile": "hello: hello.c\n\tgcc -static -O2 -o $@ $<\n",
        "hello.c": '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n',
    },
}
# What differs from run to run whoever builds, and what each engine puts into a container itself.
NOT_COMPARED = re.compile(
    r"var/(log|cache)/|.*\.pyc$|etc/(hosts|hostname|resolv\.conf|machine-id|mtab)$|run(/|$)|(proc|sys|dev|tmp)(/|$)|"
    r"var/lib/(systemd|dpkg|apt)/|ca\.crt$|\.dockerenv$|.*/\.package-lock\.json$|root/\.npm|etc/ld\.so\.cache$|.*__pycache__$"
)


class Builder:
    """One engine by its command."""

    def __init__(self, name: str, command: str) -> None:
        self.name, self.argv = name, shlex.split(command)

    def __call__(self, *args: str, env: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            [*self.argv, *args], capture_output=True, text=True, env={**os.environ, **(env or {})}, check=False
        )
        if done.returncode:
            sys.exit(
                f"{self.name} {' '.join(args)}: exit code {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
            )
        return done.stdout.strip()

    def build(self, folder: Path, tag: str) -> float:
        """Seconds."""
        began = time.monotonic()
        format_ = ["--format", "docker", "--layers"] if self.name != "docker" else []
        flags = ["--network", "host", "--secret", f"id=ca,src={folder.parent}/ca.crt", "-t", tag]
        self("build", *format_, *flags, str(folder), env={"DOCKER_BUILDKIT": "1"})
        return time.monotonic() - began

    def tree(self, tag: str, work: Path) -> dict[str, str]:
        """Path → kind, mode, owner, and what is in it."""
        box = self("create", tag, "x").splitlines()[-1]
        archive = work / "tree.tar"
        self("export", "-o", str(archive), box)
        self("rm", box)
        found = {}
        with tarfile.open(archive) as tar:
            for entry in tar:
                path = entry.name.removeprefix("./").strip("/")
                if not path or NOT_COMPARED.match(path):
                    continue
                what = entry.linkname
                if entry.isfile():
                    file = tar.extractfile(entry)
                    what = hashlib.file_digest(file, "sha256").hexdigest()[:16] if file else ""
                kind = entry.type.decode() if not entry.islnk() else "0"
                found[path] = f"{kind} {entry.mode & 0o7777:o} {entry.uid}:{entry.gid} {'' if entry.islnk() else what}"
        archive.unlink()
        return found

    def config(self, tag: str) -> dict[str, object]:
        """What the image says of itself, without ids and times."""
        document = json.loads(self("image", "inspect", tag))[0]
        config = {key: value for key, value in document["Config"].items() if value not in (None, "", [], {}, False)}
        for key in ("Image", "Hostname", "OnBuild", "ArgsEscaped", "Shell"):
            config.pop(key, None)
        labels = {
            k: v for k, v in (config.pop("Labels", None) or {}).items() if not k.startswith(("io.buildah", "io.skerry"))
        }
        health = {k: v for k, v in (document.get("Healthcheck") or config.pop("Healthcheck", None) or {}).items() if v}
        config.pop("Healthcheck", None)
        config["Env"] = sorted(config.get("Env", []))  # where a variable is set anew, Podman moves it to the end
        return {**config, "Labels": labels, "Healthcheck": health}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PROJECTS))
    parser.add_argument("--podman", default="")
    parser.add_argument("--docker", default="")
    parser.add_argument("--skerry", default="")
    args = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="skreal"))
    own = f"{TOP}/bin/skerry --root {work}/r --runroot {work}/n --tmpdir {work}/t"
    engines = [Builder("skerry", args.skerry or own)]
    engines += [
        Builder(name, command) for name, command in (("podman", args.podman), ("docker", args.docker)) if command
    ]
    try:
        differences = compare_all(engines, work, args.only.split(","))
    finally:
        if not args.skerry:
            subprocess.run([*engines[0].argv, "system", "reset", "--force"], capture_output=True, check=False)
        shutil.rmtree(work, ignore_errors=True)
    sys.exit(1 if differences else 0)


def compare_all(engines: list[Builder], work: Path, names: list[str]) -> int:
    skerry, *peers = engines
    if subprocess.run([*skerry.argv, "image", "exists", BASE], check=False).returncode != 0:
        skerry("image", "bootstrap", "bookworm", "--tag", BASE)
    shutil.copy(CA, work / "ca.crt")  # a peer may have another root
    base = work / "base.tar"
    skerry("save", "--format", "docker-archive", "-o", str(base), BASE)
    for peer in peers:
        peer("load", "-i", str(base))
    count = 0
    for name in names:
        folder = work / name
        folder.mkdir()
        for path, text in PROJECTS[name].items():
            (folder / path).write_text(text)
        tag = f"localhost/real-{name}:latest"
        times = {each.name: (each.build(folder, tag), each.build(folder, tag)) for each in engines}
        print(
            name,
            ", ".join(f"{who} {first:.1f} s, cached {again:.2f} s" for who, (first, again) in times.items()),
            flush=True,
        )
        ours = {"tree": skerry.tree(tag, work), "config": skerry.config(tag)}
        for peer in peers:
            theirs = {"tree": peer.tree(tag, work), "config": peer.config(tag)}
            count += sum(tell(peer.name, kind, ours[kind], theirs[kind]) for kind in ours)
        print(f"  {len(ours['tree'])} files compared", flush=True)
    return count


def tell(peer: str, kind: str, ours: dict[str, object], theirs: dict[str, object]) -> int:
    """Print what is not the same; how many."""
    keys = [key for key in sorted({*ours, *theirs}) if ours.get(key) != theirs.get(key)]
    for key in keys[:20]:
        print(f"  {kind} {key}: skerry {ours.get(key)!r}, {peer} {theirs.get(key)!r}")
    return len(keys)


if __name__ == "__main__":
    main()
