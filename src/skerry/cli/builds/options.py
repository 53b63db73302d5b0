"""What was typed after ``build`` as the builder takes it."""

from __future__ import annotations

import os

from skerry.build.options import Annotation, BuildOptions, CacheLocation, Output
from skerry.build.scan_options import PRESETS, Scan, make_scan
from skerry.cli.builds.flags import BUILD_FLAGS, REFUSALS
from skerry.cli.builds.run_options import run_options
from skerry.cli.flags import UsageError
from skerry.cli.parse import split_csv
from skerry.config.launcher import spoken_version
from skerry.errors import Invalid, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output as Out
    from skerry.engine.engine import Engine

_REGISTRY = ("authfile", "cert_dir", "creds", "tls_verify", "retry", "retry_delay", "signature_policy")


def build_options(args: Args, engine: Engine, out: Out) -> BuildOptions:
    """`UsageError`, `Invalid`, `NotFound` before anything is done."""
    refuse(args)
    files = [_file(path) for path in args["file"]]
    layers = layers_of(args)
    options = BuildOptions(
        context=_context(args, files),
        containerfiles=files,
        build_contexts=dict(_pair(item, "build-context") for item in args["build_context"]),
        ignore_file=args["ignorefile"],
        target=args["target"],
        build_args=_build_args(args),
        platforms=_platforms(args),
        all_platforms=args["all_platforms"],
        tags=list(args["tag"]),
        manifest=args["manifest"],
        format=_format(args),
        labels=_pairs(args["label"]),
        annotations=_annotations(args["annotation"]),
        env=_environment(args["env"]),
        unset_env=args["unsetenv"],
        unset_labels=args["unsetlabel"],
        inherit_labels=args["inherit_labels"],
        from_=args["from"],
        pull=_pull(args),
        pull_options=_pull_options(args, out),
        no_cache=args["no_cache"] or not layers,
        no_cache_filter=args["no_cache_filter"],
        squash=args["squash"] or (not layers and not args["squash_all"]),
        squash_all=args["squash_all"],
        skip_unused_stages=args["skip_unused_stages"],
        save_stages=args["save_stages"],
        stage_labels=args["stage_labels"],
        layer_labels=_pairs(args["layer_label"]),
        jobs=args["jobs"],
        rewrite_timestamp=args["rewrite_timestamp"],
        omit_history=args["omit_history"],
        run=run_options(args, engine.settings),
        cache_from=[_cache(item, "cache-from") for item in args["cache_from"]],
        cache_to=[_cache(item, "cache-to") for item in args["cache_to"]],
        push=args["push"],
        scan=_scan(args),
        iid_file=args["iidfile"],
        iid_file_raw=args["iidfile_raw"],
        metadata_file=args["metadata_file"],
        inherit_annotations=args["inherit_annotations"],
        unset_annotations=args["unsetannotation"],
        created_annotation=args["created_annotation"],
        os_version=args["os_version"],
        os_features=args["os_feature"],
        http_proxy=args["http_proxy"],
        cpp_flags=args["cpp_flag"],
        explain=bool(args["explain"]),
        on_error_shell=args["on_error"] == "shell",
    )
    _set_times(options, args)
    options.identity_label = _has_identity_label(args, options)
    _set_cache_age(options, args["cache_ttl"], out)
    _set_secrets(options, args)
    _set_outputs(options, args)
    _set_attestations(options, args)
    _set_source_policy(options, args)
    return options


def _has_identity_label(args: Args, options: BuildOptions) -> bool:
    """Unless told, as Podman when called so; but an image that is to be the same whenever it is built does not tell the
    version of its builder."""
    if args.given("identity_label"):
        return bool(args["identity_label"])
    return spoken_version()[0] == "podman" and options.timestamp is None and options.source_date_epoch is None


def refuse(args: Args) -> None:
    """`UsageError` for what is understood and cannot be honoured."""
    for it in BUILD_FLAGS:
        if it.name in REFUSALS and args.given(it.key) and args[it.key]:
            raise UsageError(f"--{it.name} is not supported: {REFUSALS[it.name]}")
    if args.given("rm") and not args["rm"]:
        raise UsageError("--rm=false is not supported: no container is left of a step; --on-error=shell looks into one")
    if args.given("disable_compression") and not args["disable_compression"]:
        raise UsageError("--disable-compression=false is not supported: layers are compressed when they are pushed")
    if args["stage_labels"] and not args["save_stages"]:
        raise UsageError("--stage-labels requires --save-stages")
    if args["logsplit"] and not args["logfile"]:
        raise UsageError("--logsplit needs --logfile")
    if args["no_cache"] and args["cache_from"]:
        raise UsageError("the --no-cache and --cache-from flags cannot be used together")
    if args["platform"] and (args["arch"] or args["os"] or args["variant"]):
        raise UsageError("invalid --platform may not be used with --os, --arch, or --variant")
    if args["all_platforms"] and (args["platform"] or args["arch"] or args["os"] or args["variant"]):
        raise UsageError("--all-platforms may not be used with --platform, --os, --arch, or --variant")
    if args["squash"] and args["squash_all"]:
        raise UsageError("cannot specify --squash-all with --squash")
    if args["timestamp"] and args["source_date_epoch"]:
        raise UsageError("--timestamp and --source-date-epoch cannot be used together")


def layers_of(args: Args) -> bool:
    """--layers, or Podman's BUILDAH_LAYERS."""
    default = os.environ.get("BUILDAH_LAYERS", "true").lower() in ("true", "1")
    return bool(args["layers"]) if args.given("layers") else default


def _format(args: Args) -> str:
    """--format, or Podman's BUILDAH_FORMAT."""
    given = os.environ.get("BUILDAH_FORMAT", "") if not args.given("format") else ""
    if given not in ("", "oci", "docker"):
        raise Invalid(f'unrecognized image type "{given}" in BUILDAH_FORMAT')
    return given or str(args["format"])


def _pull(args: Args) -> str:
    if args["pull_always"] or args["pull_never"]:
        return "never" if args["pull_never"] else "always"
    policy: str = args["pull"]
    return {"true": "always", "ifmissing": "missing", "false": "never"}.get(policy, policy)


def _context(args: Args, files: list[str]) -> str:
    if args.positional:
        return args.positional[0]
    # Podman: the folder of the first Containerfile that is a file here.
    for path in files:
        if path != "-" and "://" not in path:
            return os.path.dirname(os.path.abspath(path))
    return "." if not files else os.getcwd()


def _file(path: str) -> str:
    return "-" if path == "/dev/stdin" else path


def _pair(item: str, flag: str) -> tuple[str, str]:
    key, equals, value = item.partition("=")
    if not equals or not key or not value:
        raise UsageError(f'invalid --{flag} "{item}": NAME=VALUE is wanted')
    return key, value


def _pairs(items: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in items:
        key, _equals, value = item.partition("=")
        if not key:
            raise UsageError(f'invalid key-value pair "{item}": empty key')
        found[key] = value
    return found


def _annotations(items: list[str]) -> list[Annotation]:
    from skerry.build.outputs.annotations import parse_annotation

    return [each for item in items for each in parse_annotation(item)]


def _environment(items: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if equals:
            found[key] = value
        elif key in os.environ:
            found[key] = os.environ[key]
    return found


def _build_args(args: Args) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for path in args["build_arg_file"]:
        for line in _lines(path):
            key, equals, value = line.partition("=")
            found[key] = value if equals else None
    for item in args["build_arg"]:
        key, equals, value = item.partition("=")
        if not key:
            raise UsageError(f'invalid key-value pair "{item}": empty key')
        found[key] = value if equals else None
    return found


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.strip() for line in file]
    except OSError as error:
        raise NotFound(f"open {path}: {os.strerror(error.errno or 0).lower()}") from None
    except UnicodeDecodeError:
        raise Invalid(f"--build-arg-file {path} is not UTF-8") from None
    return [line for line in lines if line and not line.startswith("#")]


def _platforms(args: Args) -> list[str]:
    from skerry.build.platforms import host, normalise

    if args["platform"]:
        return list(dict.fromkeys(host() if item == "local" else normalise(item) for item in args["platform"]))
    if not (args["os"] or args["arch"] or args["variant"]):
        return []
    default = host().split("/")
    parts = [args["os"] or default[0], args["arch"] or default[1], args["variant"]]
    return [normalise("/".join(part for part in parts if part))]


def _pull_options(args: Args, out: Out) -> dict[str, object]:
    from skerry.cli.choose import image_chooser

    def report() -> object:
        from skerry.cli.transfers import reporter  # it brings the registry's client, and most builds pull nothing

        return reporter(out, quiet=args["quiet"])

    found: dict[str, object] = {name: args[name] for name in _REGISTRY if args.given(name)}
    found["report"] = report
    found["choose"] = image_chooser
    return found


def _set_times(options: BuildOptions, args: Args) -> None:
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if args.given("source_date_epoch"):
        options.source_date_epoch = int(args["source_date_epoch"])
    elif given and not args.given("timestamp"):
        if not given.isdecimal():
            raise Invalid(f'SOURCE_DATE_EPOCH="{given}" is no number of seconds')
        options.source_date_epoch = int(given)
    if args.given("timestamp"):
        options.timestamp = int(args["timestamp"])
    if min(options.timestamp or 0, options.source_date_epoch or 0) < 0:
        raise UsageError("a time before 1970 is not supported")


def _set_source_policy(options: BuildOptions, args: Args) -> None:
    """--source-policy-file, or the variable that Docker's clients know."""
    path = args["source_policy_file"] or os.environ.get("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY", "")
    if path:
        from skerry.build.source_policy import load

        options.source_policy = load(path)


def _set_cache_age(options: BuildOptions, text: str, out: Out) -> None:
    if not text:
        return
    from skerry.engine.units import parse_duration

    options.cache_ttl_ns = parse_duration(text, "--cache-ttl")
    if options.cache_ttl_ns < 0:
        raise UsageError(f'invalid --cache-ttl "{text}": it is negative')
    if not options.cache_ttl_ns:
        options.no_cache = True  # as Podman has it: nothing is young enough
        out.debug("Setting --no-cache=true since --cache-ttl was set to 0")


def _set_secrets(options: BuildOptions, args: Args) -> None:
    from skerry.build.secrets import check_secret, parse_secret
    from skerry.build.ssh import parse_ssh

    for text in args["secret"]:
        secret = parse_secret(text, split_csv(text))
        check_secret(secret)
        options.secrets[secret.id] = secret
    for text in args["ssh"]:
        for name, socket, keys in parse_ssh(text):
            if socket:
                options.ssh[name] = socket
            else:
                options.ssh_keys[name] = keys


def _cache(text: str, flag: str) -> CacheLocation:
    if "=" not in text:
        return CacheLocation("registry", text)
    values = dict(field.partition("=")[::2] for field in split_csv(text))
    kind = values.pop("type", "registry")
    names = {"registry": "ref", "local": "src" if flag == "cache-from" else "dest"}
    if kind == "inline":
        return CacheLocation(kind, "", values)
    if kind not in names:
        raise UsageError(f"--{flag} type={kind} is not supported: registry and local are")
    where = values.pop(names[kind], "")
    if not where:
        raise UsageError(f"--{flag} type={kind} needs {names[kind]}=")
    return CacheLocation(kind, where, values)


def _set_outputs(options: BuildOptions, args: Args) -> None:
    from skerry.build.outputs.annotations import is_attribute, parse_attribute
    from skerry.build.outputs.parse import parse_output

    for text in args["output"]:
        output = parse_output(text, split_csv(text))
        options.outputs.append(output)
        options.annotations += [parse_attribute(*item) for item in output.attributes.items() if is_attribute(item[0])]
    if args["push"] and options.outputs:
        raise UsageError("--push and --output cannot be used together: say -o type=image,push=true")
    if args["push"] and not options.tags and not options.manifest:
        raise UsageError("tag is needed when pushing to registry: -t NAME")
    # What has a name is kept beside the files, as Podman has it.
    named = options.tags and all(output.type in ("local", "tar") for output in options.outputs)
    if (args["load"] or named) and options.outputs and not options.wants_image:
        options.outputs.append(Output("image"))
    if sum(output.dest == "-" for output in options.outputs) > 1:
        raise UsageError("only one output can go to standard output")


def _scan(args: Args) -> Scan:
    return make_scan(
        args["sbom"] if args["sbom"] in PRESETS else "", args["sbom_scanner_image"], args["sbom_scanner_command"],
        args["sbom_merge_strategy"], file=args["sbom_output"], purl_file=args["sbom_purl_output"],
        image_file=args["sbom_image_output"], image_purl_file=args["sbom_image_purl_output"],
    )  # fmt: skip


def _set_attestations(options: BuildOptions, args: Args) -> None:
    from skerry.build.outputs.parse import parse_attestation

    for kind in ("provenance", "sbom"):
        text = args[kind]
        if kind == "sbom" and text in PRESETS:
            continue  # Podman's: what scans, not what is attested
        if text and text not in ("0", "false", "disabled=true"):
            given = "" if text in ("1", "true") else "," + text
            parse_attestation(split_csv(f"type={kind}{given}"), options.attestations)
    for text in args["attest"]:
        parse_attestation(split_csv(text), options.attestations)
