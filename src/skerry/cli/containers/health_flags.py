"""The flags of health checks, shared by ``create``, ``run`` and ``update``."""

from __future__ import annotations

from skerry.cli.flags import flag

HEALTH_FLAGS = (
    flag("--health-cmd", kind="str", metavar="COMMAND", help="A command that tells whether the container is healthy; none: no check"),
    flag("--health-interval", kind="str", metavar="TIME", default="30s", help="How long after a check the next one begins; disable: never by itself"),
    flag("--health-timeout", kind="str", metavar="TIME", default="30s", help="A check that takes longer has failed"),
    flag("--health-retries", kind="uint", metavar="N", default=3, help="So many failures in a row make it unhealthy"),
    flag("--health-start-period", kind="str", metavar="TIME", default="0s", help="Failures do not count so long after the start"),
    flag("--health-on-failure", kind="str", metavar="ACTION", default="none", help="What is done once it is unhealthy: none, kill, restart or stop"),
    flag("--health-startup-cmd", kind="str", metavar="COMMAND", help="A check that has to succeed before the other one begins"),
    flag("--health-startup-interval", kind="str", metavar="TIME", default="30s", help="Interval of the startup check"),
    flag("--health-startup-timeout", kind="str", metavar="TIME", default="30s", help="Time limit of the startup check"),
    flag("--health-startup-retries", kind="uint", metavar="N", help="So many failures of the startup check restart the container; 0: never"),
    flag("--health-startup-success", kind="uint", metavar="N", help="So many successes in a row end the startup check; 0: one"),
    flag("--health-log-destination", kind="str", metavar="WHERE", default="local", help="Where results are written too: local, events_logger or a folder"),
    flag("--health-max-log-count", kind="uint", metavar="N", default=5, help="How many results are kept; 0: all"),
    flag("--health-max-log-size", kind="uint", metavar="N", default=500, help="How many characters of a check's output are kept; 0: all"),
    flag("--no-healthcheck", help="No check, although the image has one"),
)  # fmt: skip
