#!/bin/bash
# Installs Skerry on Debian 12 or later (and its derivatives). Run it again to upgrade; running twice harms nothing.
#
#   ./install.sh [--dev] [--podman-alias] [--no-packages] [--python PROGRAM]
#   ./install.sh --uninstall
#
#   --dev           also what the tests need: Debian packages and .venv in this folder
#   --podman-alias  also /usr/local/bin/podman -> skerry, unless a real podman is installed
#   --no-packages   leave apt alone: the packages are there, or come some other way
#   --python        the interpreter to use (default: Debian's /usr/bin/python3)
#   --uninstall     remove the command and its folder; containers, images and packages stay
#
# What it makes: /usr/local/lib/skerry/VERSION/ (a venv with locked dependencies, the package, compiled),
# /usr/local/bin/skerry (a short launcher, put in place by one rename), shell completions and, with systemd, the unit
# skerry-restart (not enabled).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
prefix=/usr/local
home=$prefix/lib/skerry
units=$prefix/lib/systemd
python=/usr/bin/python3
dev='' alias='' packages=1 uninstall=''

# crun runs containers, conmon watches them, nft makes the firewall's table, aardvark-dns answers names, passt and
# uidmap serve unprivileged users, fuse-overlayfs gives their containers ids, mmdebstrap makes base images;
# containers-common has the seccomp profile.
RUNTIME_PACKAGES="python3 python3-venv ca-certificates crun conmon nftables aardvark-dns passt uidmap catatonit
    fuse-overlayfs mmdebstrap busybox-static golang-github-containers-common"
# For the tests: other runtimes, tools that make and look at archives and users, shells to complete in, and what Skerry
# is compared with: Podman, skopeo and umoci, a registry (with htpasswd), other tools' firewall rules.
DEV_PACKAGES="git runc runsc procps iproute2 util-linux xz-utils zstd attr libcap2-bin e2fsprogs curl passwd
    bash-completion zsh fish strace podman skopeo umoci docker-registry apache2-utils iptables openssl"

usage() { sed -n '2,15s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
say() { printf 'install: %s\n' "$*"; }
die() { printf 'install: %s\n' "$*" >&2; exit 1; }

# What is slow or remote may fail once; three tries, with a pause.
retry() {
    local try
    for try in 1 2 3; do
        "$@" && return 0
        [ "$try" = 3 ] || { say "again, after a failure: $*" >&2; sleep $((try * 3)); }
    done
    return 1
}

missing_packages() {
    local name
    for name in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || printf '%s ' "$name"
    done
}

install_packages() {
    local wanted
    command -v apt-get >/dev/null || die "no apt-get here: install these yourself and use --no-packages: $*"
    wanted=$(missing_packages "$@")
    [ -n "$wanted" ] || return 0
    say "Debian packages: $wanted"
    export DEBIAN_FRONTEND=noninteractive
    # Lists may be absent (images, minimal hosts) or older than what the mirror still has: update, then install.
    # shellcheck disable=SC2086 # a list of names
    if ! apt-cache show $wanted >/dev/null 2>&1; then
        retry apt-get update -qq
    fi
    # shellcheck disable=SC2086 # a list of names
    apt-get install -y -qq --no-install-recommends $wanted </dev/null >"$log" 2>&1 9>&- || {
        retry apt-get update -qq
        # shellcheck disable=SC2086
        retry apt-get install -y -qq --no-install-recommends $wanted </dev/null >"$log" 2>&1 9>&- || { tail -20 "$log" >&2; die "apt-get install failed"; }
    }
}

# The version and what the files are: equal sources give the same folder, so installing twice does nothing.
build_name() {
    local version
    version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$here/src/skerry/__init__.py")
    printf '%s-%s' "$version" "$({ "$python" -V; cat "$here/requirements.lock"; cd "$here/src"
        find skerry -name __pycache__ -prune -o -type f -print0 | sort -z | xargs -0 sha256sum; } | sha256sum | cut -c1-12)"
}

make_version() { # into $1, complete or not at all
    local target=$1 site
    rm -rf "$target.new"
    trap 'rm -rf "'"$target"'.new"' EXIT
    "$python" -m venv "$target.new"
    retry "$target.new/bin/python" -m pip install -q --disable-pip-version-check --no-input --no-compile \
        --require-hashes --no-deps --only-binary :all: -r "$here/requirements.lock"
    site=$("$target.new/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    # The package is pure Python: a copy is all that building and installing a wheel would do.
    (cd "$here/src" && find skerry -name __pycache__ -prune -o -type f -print0 | tar --null -cf - -T -) | tar -xf - -C "$site" --no-same-owner
    chmod -R u=rwX,go=rX "$target.new"
    # Unchecked hashes: no stat of the source at each import, and clocks don't matter. PYTHONDONTWRITEBYTECODE may be
    # set here, and must not win. In-folder paths are what a traceback shows.
    env -u PYTHONDONTWRITEBYTECODE "$target.new/bin/python" -m compileall -q -f --invalidation-mode unchecked-hash \
        -s "$target.new" -p "$target" "$site/skerry" "$site/isal" "$site/zstandard" "$site/yaml"
    # All of it once more in one file: a start reads that instead of looking for a hundred (docs/decisions/030).
    "$target.new/bin/python" -B -c 'import sys; from skerry.cli.bundle import write; write(sys.argv[1])' "$site"
    # pip served its purpose; a venv's own scripts name the folder that they were made in.
    "$target.new/bin/python" -m pip uninstall -q -y --disable-pip-version-check setuptools pip 2>/dev/null || true
    mv -T "$target.new" "$target"
    trap - EXIT
}

write_launcher() { # for the version in $1
    local interpreter site
    interpreter=$(readlink -f "$python")
    site=$(cd "$1"/lib/python3*/site-packages && pwd)
    # -I: nothing of the user's environment; -S: no scan of site-packages (an entry point of pip takes 8 ms more).
    cat >"$prefix/bin/.skerry.new" <<LAUNCHER
#!$interpreter -IS
import marshal, sys
sys.path.append("$site")
with open("$site/skerry.index", "rb") as file:
    code, index = marshal.loads(file.read())
names = {"__name__": "bundle"}
exec(code, names)
names["use"]("$site", index)
from skerry.cli.main import main
main()
LAUNCHER
    chmod 755 "$prefix/bin/.skerry.new"
    "$prefix/bin/.skerry.new" --version >/dev/null || die "the new version does not start; the old one stays"
    mv -T "$prefix/bin/.skerry.new" "$prefix/bin/skerry"
    ln -sfn "$(basename "$1")" "$home/.current.new"
    mv -T "$home/.current.new" "$home/current"
}

install_completions() {
    local skerry=$prefix/bin/skerry
    install -d /usr/share/bash-completion/completions /usr/share/zsh/vendor-completions /usr/share/fish/vendor_completions.d
    "$skerry" completion bash >/usr/share/bash-completion/completions/skerry
    "$skerry" completion zsh >/usr/share/zsh/vendor-completions/_skerry
    "$skerry" completion fish >/usr/share/fish/vendor_completions.d/skerry.fish
}

# What starts containers after a boot, for who enables it: system-wide and for each user. Nothing is enabled here.
install_units() {
    command -v systemctl >/dev/null || return 0
    local kind network target
    for kind in system user; do
        network='' target=default.target
        if [ "$kind" = system ]; then
            network=$'Wants=network-online.target\nAfter=network-online.target\n' target=multi-user.target
        fi
        install -d "$units/$kind"
        cat >"$units/$kind/.skerry-restart.new" <<UNIT
[Unit]
Description=Start containers that are to run (skerry)
${network}
[Service]
Type=oneshot
RemainAfterExit=true
KillMode=process
ExecStart=$prefix/bin/skerry start --all --filter should-start-on-boot=true

[Install]
WantedBy=$target
UNIT
        mv -T "$units/$kind/.skerry-restart.new" "$units/$kind/skerry-restart.service"
        if [ -n "$alias" ] && [ ! -e /usr/bin/podman ]; then
            ln -sfn skerry-restart.service "$units/$kind/podman-restart.service"
        fi
    done
    reload_units
}

remove_units() {
    local kind
    if [ -e "$units/system/skerry-restart.service" ]; then systemctl disable -q skerry-restart 2>/dev/null || true; fi
    for kind in system user; do
        rm -f "$units/$kind/skerry-restart.service"
        if [ -L "$units/$kind/podman-restart.service" ]; then rm -f "$units/$kind/podman-restart.service"; fi
    done
    reload_units
}

reload_units() {
    if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
}

# Versions but the new one and the one before it: a command that still runs may load a module of its own version.
remove_old_versions() {
    local each
    # shellcheck disable=SC2012 # names that we gave
    for each in $(cd "$home" && ls -1td ./*-*/ 2>/dev/null | tail -n +3); do
        rm -rf "${home:?}/$each"
    done
}

prepare_host() {
    for device in /dev/net/tun /dev/fuse; do
        if [ -c "$device" ] && [ "$(stat -c %a "$device")" = 600 ]; then
            say "$device is root's alone: unprivileged users need it for their network or storage (chmod 666 $device)"
        fi
    done
}

install_dev() {
    # shellcheck disable=SC2086
    install_packages $DEV_PACKAGES
    # As udev has them; where nobody runs it, tests of unprivileged users' networks and storage could not run.
    chmod -f 666 /dev/net/tun /dev/fuse || true
    local stamp
    stamp=$(sha256sum <"$here/requirements-dev.lock" | cut -c1-16)
    if [ "$(cat "$here/.venv/.skerry-lock" 2>/dev/null)" != "$stamp" ]; then
        say "the tests' tools into .venv"
        [ -x "$here/.venv/bin/python" ] || "$python" -m venv "$here/.venv"
        retry "$here/.venv/bin/python" -m pip install -q --disable-pip-version-check --no-input --require-hashes --no-deps \
            -r "$here/requirements-dev.lock"
        echo "$stamp" >"$here/.venv/.skerry-lock"
    fi
}

remove() {
    rm -f "$prefix/bin/skerry" /usr/share/bash-completion/completions/skerry /usr/share/zsh/vendor-completions/_skerry \
        /usr/share/fish/vendor_completions.d/skerry.fish
    if [ "$(readlink "$prefix/bin/podman" 2>/dev/null)" = skerry ]; then rm -f "$prefix/bin/podman"; fi
    rm -rf "$home"
    remove_units
    say "removed; containers and images are still in /var/lib/skerry ('skerry system reset' before would have removed them)"
}

while [ $# -gt 0 ]; do
    case $1 in
        --dev) dev=1 ;;
        --podman-alias) alias=1 ;;
        --no-packages) packages='' ;;
        --python) python=${2:?--python needs a program}; shift ;;
        --uninstall) uninstall=1 ;;
        -h | --help) usage; exit ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done
[ "$(id -u)" = 0 ] || die "run this as root (unprivileged users can use Skerry once it is installed)"
umask 022
log=$(mktemp)
install -d "$home" "$prefix/bin"
exec 9>"$home.lock" # two installs at once would remove each other's folders
flock 9

if [ -n "$uninstall" ]; then
    remove
    rm -f "$home.lock" "$log"
    exit
fi
# shellcheck disable=SC2086 # a list of names
[ -z "$packages" ] || install_packages $RUNTIME_PACKAGES
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "$python is older than 3.11"
version=$home/$(build_name)
[ -d "$version" ] || { say "Skerry $(basename "$version") into $version"; make_version "$version"; }
touch "$version"
write_launcher "$version"
install_completions
install_units
remove_old_versions
prepare_host
if [ -n "$alias" ]; then
    if [ -e /usr/bin/podman ]; then say "podman is installed: no alias made" >&2; else ln -sfn skerry "$prefix/bin/podman"; fi
fi
[ -z "$dev" ] || install_dev
rm -f "$log"
say "$("$prefix/bin/skerry" --version) is installed"
