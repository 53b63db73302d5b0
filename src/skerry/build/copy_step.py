"""COPY and ADD."""

from __future__ import annotations

import os
import posixpath
import time
from contextlib import ExitStack, nullcontext

from skerry.build.keys import digest, step_key
from skerry.build.language import instructions as typed
from skerry.build.language.ignore import Patterns
from skerry.build.language.words import expand
from skerry.engine.builds.copying import CopyRequest, Gathered, Inline, carry_out, gather, owner_ids
from skerry.engine.builds.modes import Mode
from skerry.errors import Invalid, NotFound
from skerry.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any

    from skerry.build.language.ast import Heredoc
    from skerry.build.steps import StepWork
    from skerry.engine.builds.reuse import Reuse
    from skerry.engine.builds.root import WorkingRoot
    from skerry.engine.builds.select import Tree

_TEXT_BYTES = 8 << 10  # of a file whose changed lines an explanation shows
_TEXT_FILES = 20
_SOME, _MUCH = 1 << 20, 16 << 20  # bytes
_URLS = ("http://", "https://")


class CopyStep:
    """See `steps.Work`."""

    def __init__(self, step: StepWork, command: typed.Copy | typed.Add) -> None:
        self._step, self._command = step, command
        self.key = ""
        self.link_key = ""
        self.inputs: dict[str, Any] = {}
        self._stack = ExitStack()
        self._gathered: list[Gathered] = []

    def prepare(self) -> None:
        command, state = self._command, self._step.state
        variables, escape = state.variables(), command.instruction.escape
        self._variables = variables

        def word(text: str) -> str:
            return expand(text, variables, escape=escape).text

        self._sources = [word(source) for source in command.sources]
        if isinstance(command, typed.Copy):
            _refuse_remote(self._sources)
        self._dest = state.absolute(word(command.dest))
        chown = word(command.chown) if command.chown else ""
        self._chown = chown
        mode = Mode(word(command.chmod)) if command.chmod else None
        self._excluded = [word(pattern) for pattern in command.exclude]
        exclude = Patterns(self._excluded)
        from_ = word(command.from_) if isinstance(command, typed.Copy) and command.from_ else ""
        if not from_ and isinstance(command, typed.Copy) and command.from_:
            raise Invalid(f"--from={command.from_} is empty", hint="give the ARG that it names a value")
        self._from = from_
        # Names are the image's, so they are known only in its tree; numbers count for the key at once.
        self._owner_names = bool(chown) and not chown.replace(":", "").isdigit()
        owner = _numbers(chown) if chown and not self._owner_names else ((0, 0) if not chown and not from_ else None)
        if self._owner_names:
            owner = (0, 0)
        self._request = CopyRequest(
            dest=self._dest, owner=owner, archive_owner=owner if chown else None, mode=mode, exclude=exclude.matches if exclude else None,
            parents=isinstance(command, typed.Copy) and command.parents,
        )  # fmt: skip
        self._checksum = word(command.checksum) if isinstance(command, typed.Add) and command.checksum else ""
        # What it copies from stays open until the step is done: nothing is fetched, mounted or looked through twice.
        self.close()
        self._gathered = self._gather(self._stack)
        self._note(self._gathered, mode)

    def close(self) -> None:
        self._stack.close()

    def _inline(self, heredoc: Heredoc) -> Inline:
        text = heredoc.text
        if heredoc.expand:
            text = expand(text, self._variables, skip_quotes=True).text  # as BuildKit, whatever the directive says
        return Inline(heredoc.name, text.encode("utf-8", "surrogateescape"))

    def _gather(self, stack: ExitStack) -> list[Gathered]:
        """Open what is copied from, and find what it is: the local sources, then each repository."""
        step, request = self._step, self._request
        local: list[str] = self._sources
        found: list[Inline | Tree] = []
        if isinstance(self._command, typed.Add):
            local, found = self._remote(stack, self._command)
        inline = [*(self._inline(h) for h in self._command.heredocs), *(f for f in found if isinstance(f, Inline))]
        urls = any(isinstance(f, Inline) for f in found)
        unpack = isinstance(self._command, typed.Add) and (
            bool(self._command.unpack) if urls else self._command.unpack is not False
        )
        here = replace(request, patterns=local, inline=inline, unpack=unpack)
        tree = self._tree(stack) if local else None
        try:
            gathered = [gather(step.engine, tree, here)] if local or inline else []
        except NotFound as error:
            if self._from or not any(posixpath.normpath(source.lstrip("/")).startswith("..") for source in local):
                raise
            raise NotFound(f"{error.message}: possible escaping context directory error") from None
        trees = [each for each in found if not isinstance(each, Inline)]
        for each in trees:
            part = gather(step.engine, each, replace(request, patterns=["."]))
            if each.identity:
                part.digest = digest([each.identity, self._excluded])
            gathered.append(part)
        return gathered

    def _remote(self, stack: ExitStack, command: typed.Add) -> tuple[list[str], list[Inline | Tree]]:
        """The sources that are here, and what was fetched of the others."""
        from skerry.build.remote import clone, fetch, is_git, is_remote

        if self._checksum and len(self._sources) > 1:
            raise Invalid("checksum can't be specified for multiple sources")
        if self._checksum and not all(map(is_remote, self._sources)):
            raise Invalid("checksum requires HTTP(S) or Git sources")
        local: list[str] = []
        found: list[Inline | Tree] = []
        for source in self._sources:
            if not is_remote(source):
                local.append(source)
            elif is_git(source):
                found.append(stack.enter_context(clone(self._step, source, command, self._checksum)))
            else:
                found.append(stack.enter_context(fetch(self._step, source, self._checksum)))
        return local, found

    def _tree(self, stack: ExitStack) -> Tree:
        from skerry.build.origins import open_tree

        return stack.enter_context(open_tree(self._step, self._from))

    def _note(self, gathered: list[Gathered], mode: Mode | None) -> None:
        command, step = self._command, self._step
        settings = {
            "--chown": self._chown, "--chmod": mode.text if mode else "", "--link": command.link, "dest": self._dest,
            "--parents": self._request.parents, "unpack": [each.request.unpack for each in gathered],
        }  # fmt: skip
        whole = gathered[0].digest if len(gathered) == 1 else digest([each.digest for each in gathered])
        self.key = step_key(
            "copy", step.parent, content=whole, times=step.mtime_ns, owner=self._request.owner,
            **settings,
        )  # fmt: skip
        # A linked layer is the same above everything, unless names of users are looked up below.
        linked = command.link and not self._owner_names
        self.link_key = step_key("link", "", content=whole, times=step.mtime_ns, **settings) if linked else ""
        self._digest = whole
        chosen = [each for part in gathered for each in part.chosen]
        self._kind = "multi" if len(chosen) > 1 else "dir" if chosen and chosen[0].is_folder else "file"
        self.inputs = {
            "instruction": f"{command.instruction.keyword} {' '.join([*self._sources, self._dest])}",
            "settings": settings, "from": self._from, "content": whole,
            "files": {path: text for each in gathered for path, text in each.files.items()},
            "texts": self._texts(gathered[0]) if gathered and not self._from else {},
        }  # fmt: skip

    def _texts(self, gathered: Gathered) -> dict[str, str]:
        """The small text files, so that the next build can tell which lines changed."""
        found: dict[str, str] = {}
        folder = self._step.solver.contexts.main.folder
        for items in gathered.items:
            for item in items:
                if len(found) >= _TEXT_FILES:
                    return found
                if folder and 0 < item.status.st_size <= _TEXT_BYTES:
                    try:
                        with open(os.path.join(folder, item.path), encoding="utf-8") as file:
                            found[item.path] = file.read(_TEXT_BYTES)
                    except (OSError, UnicodeDecodeError):
                        continue
        return found

    def carry_out(self) -> str | None:
        step = self._step
        if self.link_key and not step.no_cache and (moved := self._moved()):
            return moved
        return self.make_linked() if self.link_key else self._copy()

    def make_linked(self) -> str | None:
        """The layer, on whatever there is; and it is known from here on whatever it is to stand on."""
        layer = self._copy()
        self._step.engine.builds.record(self.link_key, layer)
        return layer

    def _moved(self) -> str | None:
        """The same files above another base: by hard links, without reading one."""
        builds, layers = self._step.engine.builds, self._step.state.layers
        record = builds.lookup(self.link_key)
        if record is None or record["layer"] is None:
            return None
        return builds.move(record["layer"], layers)["chain_id"]

    def _copy(self) -> str | None:
        step, gathered = self._step, self._gathered
        layers = step.state.layers
        if self._owner_names:
            with step.engine.builds.open_root(layers, writable=False) as root:
                owner = owner_ids(root.path, self._chown)
            gathered = [
                replace(part, request=replace(part.request, owner=owner, archive_owner=owner)) for part in gathered
            ]
        between = step.engine.builds.check_cancelled
        with step.engine.builds.open_root(layers) as root, self._writing(root):
            # With --link what is below does not count: no link in it is followed, no folder's owner taken over.
            where = root.upper if self._command.link else root.path
            several = len(gathered) > 1
            # What a linked layer makes on the way has the time of what is copied: the layer is the same whenever it is made.
            now_ns = _latest(gathered) if self._command.link else time.time_ns()
            plain = False
            with self._reuse(root) or nullcontext() as reuse:
                for part in gathered:
                    plain = carry_out(where, part, now_ns=now_ns, into_folder=several, between=between, reuse=reuse)
            self.inputs["plain"] = not several and plain
            layer = root.commit(mtime_ns=step.mtime_ns)
        return layer["chain_id"] if layer else None

    def _reuse(self, root: WorkingRoot) -> Reuse | None:
        """Of what this very step made of other files the last time; worth a look only when it copies much."""
        step = self._step
        if len(self._gathered) != 1 or step.mtime_ns is not None:
            return None
        (part,) = self._gathered
        if part.size < _SOME or part.request.inline or part.request.unpack:
            return None
        before = step.engine.builds.latest(step.identity.text)
        if before is None or before["layer"] is None or not before["inputs"].get("plain"):
            return None
        if any(before["inputs"].get(key) != self.inputs[key] for key in ("instruction", "settings", "from")):
            return None
        return step.engine.builds.reuse(before, root.upper)

    def _writing(self, root: WorkingRoot) -> AbstractContextManager[object]:
        """The disk may begin before the end, unless the layer will be found to be there: then nothing is kept."""
        size = sum(part.size for part in self._gathered)
        if size < _MUCH or self._step.engine.builds.lookup(self.key) is not None:
            return nullcontext()
        return root.written_early()

    def history(self) -> str:
        return f"/bin/sh -c #(nop) {self._command.instruction.keyword} {self._kind}:{self._digest} in {self._dest} "


def _latest(gathered: list[Gathered]) -> int:
    return max((item.status.st_mtime_ns for part in gathered for items in part.items for item in items), default=0)


def _refuse_remote(sources: list[str]) -> None:
    for source in sources:
        if source.startswith(_URLS):
            from skerry.build.remote import is_git

            kind = "git ref" if is_git(source) else "URL"
            raise Invalid(f"source can't be a {kind} for COPY", hint="ADD takes one")


def _numbers(text: str) -> tuple[int, int]:
    user, _, group = text.partition(":")
    return int(user or 0), int(group or user or 0)
