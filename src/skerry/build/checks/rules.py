"""BuildKit's checks by their names: each rule is a value, its finding a message made from its template."""

from __future__ import annotations

from skerry.records import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """``message`` is filled by the finding (str.format). Experimental rules must be asked for."""

    name: str
    description: str
    message: str
    experimental: bool = False


STAGE_NAME_CASING = Rule(
    "StageNameCasing", "A stage's name should be lower-case", "Stage name '{}' should be lowercase"
)
FROM_AS_CASING = Rule("FromAsCasing", "AS should have FROM's casing", "'{}' and '{}' keywords' casing do not match")
NO_EMPTY_CONTINUATION = Rule(
    "NoEmptyContinuation", "No empty lines between continuation lines", "Empty continuation line"
)
CONSISTENT_INSTRUCTION_CASING = Rule(
    "ConsistentInstructionCasing",
    "All instructions should have the same casing",
    "Command '{}' should match the case of the command majority ({})",
)
DUPLICATE_STAGE_NAME = Rule(
    "DuplicateStageName",
    "Each stage should have a name of its own",
    'Duplicate stage name "{}", stage names should be unique',
)
RESERVED_STAGE_NAME = Rule(
    "ReservedStageName",
    "Reserved words should not name stages",
    'Stage name should not use the same name as reserved stage "{}"',
)
JSON_ARGS_RECOMMENDED = Rule(
    "JSONArgsRecommended",
    "CMD and ENTRYPOINT in JSON form pass signals on to the program",
    "JSON arguments recommended for {} to prevent unintended behavior related to OS signals",
)
MAINTAINER_DEPRECATED = Rule(
    "MaintainerDeprecated",
    "A label names the author, MAINTAINER is deprecated",
    "Maintainer instruction is deprecated in favor of using label",
)
UNDEFINED_ARG_IN_FROM = Rule(
    "UndefinedArgInFrom", "FROM should use arguments that are declared", "FROM argument '{}' is not declared{}"
)
WORKDIR_RELATIVE_PATH = Rule(
    "WorkdirRelativePath",
    "A relative WORKDIR depends on the base image's",
    'Relative workdir "{}" can have unexpected results if the base image changes',
)
UNDEFINED_VAR = Rule(
    "UndefinedVar", "Variables should be defined before they are used", "Usage of undefined variable '${}'{}"
)
MULTIPLE_INSTRUCTIONS_DISALLOWED = Rule(
    "MultipleInstructionsDisallowed",
    "Only the last CMD, ENTRYPOINT and HEALTHCHECK of a stage counts",
    "Multiple {} instructions should not be used in the same stage because only the last one will be used",
)
LEGACY_KEY_VALUE_FORMAT = Rule(
    "LegacyKeyValueFormat",
    "ENV and LABEL should have an equals sign",
    '"{0} key=value" should be used instead of legacy "{0} key value" format',
)
INVALID_BASE_IMAGE_PLATFORM = Rule(
    "InvalidBaseImagePlatform",
    "The base image should be of the platform that is built for",
    'Base image {} was pulled with platform "{}", expected "{}" for current build',
)
REDUNDANT_TARGET_PLATFORM = Rule(
    "RedundantTargetPlatform",
    "FROM has the target platform without being told",
    "Setting platform to predefined {} in FROM is redundant as this is the default behavior",
)
SECRETS_USED_IN_ARG_OR_ENV = Rule(
    "SecretsUsedInArgOrEnv",
    "Secrets stay in the image when ARG or ENV carries them: RUN --mount=type=secret does not keep them",
    'Do not use ARG or ENV instructions for sensitive data ({} "{}")',
)
INVALID_DEFAULT_ARG_IN_FROM = Rule(
    "InvalidDefaultArgInFrom",
    "An ARG before FROM should have a default that makes an image's name",
    "Default value for ARG {} results in empty or invalid base image name",
)
FROM_PLATFORM_FLAG_CONST_DISALLOWED = Rule(
    "FromPlatformFlagConstDisallowed",
    "FROM --platform should not be a constant",
    'FROM --platform flag should not use constant value "{}"',
)
COPY_IGNORED_FILE = Rule(
    "CopyIgnoredFile",
    "What the ignore file leaves out cannot be copied",
    'Attempting to {} file "{}" that is excluded by .dockerignore',
)
INVALID_DEFINITION_DESCRIPTION = Rule(
    "InvalidDefinitionDescription",
    "A comment right above a stage or an argument describes it, and begins with its name",
    "Comment for {0} should follow the format: `# {1} <description>`",
    experimental=True,
)
EXPOSE_PROTO_CASING = Rule(
    "ExposeProtoCasing",
    "The protocol of EXPOSE should be lower-case",
    "Defined protocol '{}' in EXPOSE instruction should be lowercase",
)
EXPOSE_INVALID_FORMAT = Rule(
    "ExposeInvalidFormat",
    "EXPOSE names ports of the container, no addresses and no ports of the host",
    "EXPOSE instruction should not define an IP address or host-port mapping, found '{}'",
)

RULES = {
    rule.name: rule
    for rule in (
        STAGE_NAME_CASING, FROM_AS_CASING, NO_EMPTY_CONTINUATION, CONSISTENT_INSTRUCTION_CASING, DUPLICATE_STAGE_NAME,
        RESERVED_STAGE_NAME, JSON_ARGS_RECOMMENDED, MAINTAINER_DEPRECATED, UNDEFINED_ARG_IN_FROM,
        WORKDIR_RELATIVE_PATH, UNDEFINED_VAR, MULTIPLE_INSTRUCTIONS_DISALLOWED, LEGACY_KEY_VALUE_FORMAT,
        INVALID_BASE_IMAGE_PLATFORM, REDUNDANT_TARGET_PLATFORM, SECRETS_USED_IN_ARG_OR_ENV,
        INVALID_DEFAULT_ARG_IN_FROM, FROM_PLATFORM_FLAG_CONST_DISALLOWED, COPY_IGNORED_FILE,
        INVALID_DEFINITION_DESCRIPTION, EXPOSE_PROTO_CASING, EXPOSE_INVALID_FORMAT,
    )
}  # fmt: skip
