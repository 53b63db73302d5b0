"""Attestations of a build's result, each made once."""

from __future__ import annotations

from skerry.build.attest.statements import Predicate, image_subject, predicates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.outcome import Solved
    from skerry.build.outputs.work import Work


def predicates_of(work: Work, solved: Solved) -> list[Predicate]:
    """What was asked to be attested of one platform."""
    if solved.platform not in work.predicates:
        name = work.options.tags[0] if work.options.tags else "image"
        work.predicates[solved.platform] = predicates(
            work.engine, work.options, solved, work.context, name=name, started=work.started, finished=work.finished,
            sources=work.sources,
        )  # fmt: skip
    return work.predicates[solved.platform]


def statements_about(work: Work, solved: Solved, name: str, digest: str) -> list[tuple[str, bytes]]:
    """(type, statement) of an image under a name, by its manifest's digest."""
    subjects = [image_subject(name, solved.platform, digest)]
    return [(predicate.type, predicate.statement(subjects)) for predicate in predicates_of(work, solved)]
