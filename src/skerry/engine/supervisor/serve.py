"""The supervisor's loop: one thread that sleeps in poll(2) until a check is due, ends, or a ward comes or goes.

* Wards are the files in ``wards``; inotify tells of changes. What a ward needs is read from the database when it is
  due, so nothing here can be out of date, and being killed loses nothing.
* Checks are programs with descriptors in the same poll; a hanging one is killed at its time limit and holds nobody up.
* What may take long (stop, restart, the network's names) is done by commands of their own, one per container at a time.
* Times are of CLOCK_BOOTTIME: nobody can set it.
"""

from __future__ import annotations

import os
import select
import time

from skerry.engine.containers import state as states
from skerry.engine.health import has_check, results
from skerry.engine.health.act import record_outcome
from skerry.engine.health.check import Check, end_left_behind, is_startup
from skerry.engine.supervisor import command, folder, release
from skerry.engine.supervisor.log import Log
from skerry.engine.supervisor.single import Heir, take
from skerry.engine.supervisor.wards import AT_ONCE, Ward, by_time, files, sleep_ms, young_checks
from skerry.errors import Conflict, NotFound, SkerryError
from skerry.linux import process
from skerry.linux.inotify import Watch
from skerry.linux.spawn import spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine

_SECOND = 10**9


class Supervisor:
    """See the module."""

    def __init__(self, engine: Engine, lock: int) -> None:
        self.engine = engine
        self.lock = lock
        self.log = Log(folder(engine, "log"))
        self.wards: dict[str, Ward] = {}
        self.heir = Heir(folder(engine, "lock"), command(engine))
        self.poll = select.poll()
        self.fds: dict[int, Ward] = {}  # of running checks
        self.children: dict[int, tuple[int, Ward | None]] = {}  # pidfd: pid and whom it acts for
        self.watch = Watch(folder(engine, "wards"))
        self.news = self.watch.fileno()
        if self.news >= 0:
            self.poll.register(self.news, select.POLLIN)

    def run(self) -> None:
        """Until nobody needs it."""
        self.log.line("started")
        while True:
            self._look()
            if not self.wards and not self.children:
                if not self._leave():
                    return
                continue
            if not self.heir.pid and self.heir.start():
                self.poll.register(self.heir.ended, select.POLLIN)
            self._begin_due()
            for fd, _ in self.poll.poll(sleep_ms(self.wards.values())):
                self._ready(fd)
            self._end_late()

    def _leave(self) -> bool:
        """Give the lock back; whether somebody came in that very moment, so that we stay.

        Who makes a ward looks at the lock afterwards; we look for wards after we gave it back: one sees the other."""
        if self.heir.pid:
            self.poll.unregister(self.heir.ended)
            self.heir.dismiss()
        os.close(self.lock)
        self._look()
        if self.wards:
            self.lock = take(folder(self.engine, "lock"))
            if self.lock >= 0:
                return True
        self.log.line("ended: nothing to do")
        return False

    # wards

    def _look(self) -> None:
        """Bring the wards up to the files that there are."""
        found = files(folder(self.engine, "wards"))
        for container_id in self.wards.keys() - found.keys():
            ward = self.wards.pop(container_id)
            if ward.check is not None:
                self._abandon(ward)
        for container_id, mtime_ns in found.items():
            ward = self.wards.get(container_id) or Ward(container_id)
            if ward.mtime_ns != mtime_ns:
                ward.mtime_ns, ward.due_ns = mtime_ns, 0
            self.wards[container_id] = ward

    def _drop(self, ward: Ward) -> None:
        release(self.engine, ward.id)
        self.wards.pop(ward.id, None)

    # what is due

    def _begin_due(self) -> None:
        now = results.clock_ns()
        due = [ward for ward in self.wards.values() if not ward.check and not ward.acting and ward.due_ns <= now]
        due.sort(key=by_time)
        young = len(young_checks(self.wards.values(), now))
        for ward in due:
            if young >= AT_ONCE:
                return
            try:
                self._begin(ward)
            except NotFound:
                self._drop(ward)
            except (SkerryError, OSError) as error:
                self.log.line(f"{ward.id[:12]}: {error}")
                ward.due_ns = now + _SECOND
            young += ward.check is not None

    def _begin(self, ward: Ward) -> None:
        engine = self.engine
        record, written = states.reload(engine, ward.id)
        state = states.observe(engine, ward.id, written)
        now = results.clock_ns()
        if state["status"] not in states.LIVE:
            self._about_ended(ward, written, state, now)
            return
        config = record["config"]
        if not has_check(config):
            self._drop(ward)
            return
        health = results.read(engine, ward.id, state)
        wanted = config["startup_healthcheck" if is_startup(config, health) else "healthcheck"]
        interval_ns = wanted.get("interval_ns", 0)
        if not interval_ns:
            self._drop(ward)
            return
        ward.due_ns = health["ended_ns"] + interval_ns if "ended_ns" in health else 0
        if ward.due_ns > now:
            return
        if state["status"] != "running":
            ward.due_ns = now + min(interval_ns, _SECOND)
            return
        self._check(ward, record, state)

    def _about_ended(self, ward: Ward, written: ContainerState, state: ContainerState, now: int) -> None:
        """It does not run: its policy may start it again, its end may be unnoticed, or nobody needs us."""
        if written.get("boot_id") != process.boot_id():
            self._drop(ward)  # the machine restarted: what is to run then, those who boot it say
            return
        due_ns = state.get("restart_due_ns", 0)
        if due_ns:
            ward.due_ns = due_ns
            if due_ns <= now:
                self._act(ward, "policy")
        elif written["status"] in states.LIVE:
            # conmon's exit command does that within milliseconds, if conmon was not killed.
            if ward.due_ns and not process.is_same(written.get("conmon_pid", 0), written.get("conmon_start", 0)):
                self._act(ward, "cleanup")
            ward.due_ns = now + _SECOND // 2
        else:
            self._drop(ward)

    def _check(self, ward: Ward, record: ContainerRecord, state: ContainerState) -> None:
        end_left_behind(self.engine, ward.id)
        try:
            check = Check(self.engine, record, state)
        except Conflict:
            ward.due_ns = results.clock_ns() + _SECOND // 10  # it has just ended
            return
        if check.probe is None:
            assert check.outcome is not None
            self._conclude(ward, check)
            return
        ward.check, ward.started_ns = check, results.clock_ns()
        for fd in (check.probe.output, check.probe.ended):
            self.poll.register(fd, select.POLLIN)
            self.fds[fd] = ward

    # what happened

    def _ready(self, fd: int) -> None:
        if fd == self.news:
            self.watch.drain()
        elif fd == self.heir.ended:
            self.poll.unregister(fd)
            self.heir.reap()
        elif fd in self.children:
            pid, ward = self.children[fd]
            done, status = os.waitpid(pid, os.WNOHANG)
            if not done:
                return  # the news was of a descriptor that had this number until a moment ago
            del self.children[fd]
            self.poll.unregister(fd)
            os.close(fd)
            if ward is not None:
                ward.acting = False
                # One that failed is not worth trying as fast as it fails.
                ward.due_ns = results.clock_ns() + _SECOND if status else 0
        elif fd in self.fds:
            self._heard(self.fds[fd], fd)

    def _heard(self, ward: Ward, fd: int) -> None:
        check = ward.check
        assert check is not None
        assert check.probe is not None
        if fd == check.probe.output:
            if not check.probe.gather():
                self._forget_fd(fd)
            return
        self._forget_fds(ward)
        check.outcome = check.ended()
        ward.check = None
        self._conclude(ward, check)

    def _end_late(self) -> None:
        now = results.clock_ns()
        for ward in [ward for ward in self.wards.values() if ward.check and ward.check.deadline_ns <= now]:
            check = ward.check
            assert check is not None
            self._forget_fds(ward)
            check.outcome, pid = check.out_of_time()
            ward.check = None
            self._reap_later(pid, None)
            self.log.line(f"{check.record['name']}: {check.outcome.error}")
            self._conclude(ward, check)

    def _conclude(self, ward: Ward, check: Check) -> None:
        assert check.outcome is not None
        try:
            before = results.read(self.engine, ward.id, check.state)["status"]
            health, wanted = record_outcome(self.engine, check, check.outcome)
        except (SkerryError, OSError) as error:
            self.log.line(f"{check.record['name']}: {error}")
            ward.due_ns = results.clock_ns() + _SECOND
            return
        if health["status"] != before:
            self.log.line(f"{check.record['name']}: {before} -> {health['status']}")
        ward.due_ns = 0  # `_begin` reckons it
        if wanted:
            self._act(ward, wanted)

    def _abandon(self, ward: Ward) -> None:
        assert ward.check is not None
        assert ward.check.probe is not None
        self._forget_fds(ward)
        pid, _ = ward.check.probe.abandon()
        ward.check = None
        self._reap_later(pid, None)

    def _forget_fds(self, ward: Ward) -> None:
        for fd in [fd for fd, other in self.fds.items() if other is ward]:
            self._forget_fd(fd)

    def _forget_fd(self, fd: int) -> None:
        self.poll.unregister(fd)
        del self.fds[fd]

    # commands

    def _act(self, ward: Ward, kind: str) -> None:
        self.log.line(f"{ward.id[:12]}: {kind}")
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            pid = spawn(
                command(self.engine, "--act", kind, ward.id), stdin=null, stdout=null, stderr=null, new_session=True,
                cwd="/",
            )  # fmt: skip
        except SkerryError as error:
            self.log.line(f"{ward.id[:12]}: {error.message}")
            ward.due_ns = results.clock_ns() + _SECOND
            return
        finally:
            os.close(null)
        ward.acting = True
        self._reap_later(pid, ward)

    def _reap_later(self, pid: int, ward: Ward | None) -> None:
        fd = os.pidfd_open(pid)
        self.children[fd] = (pid, ward)
        self.poll.register(fd, select.POLLIN)


def serve(engine: Engine) -> None:
    """Be the supervisor, unless there is one already."""
    os.makedirs(folder(engine, "wards"), mode=0o700, exist_ok=True)
    lock = take(folder(engine, "lock"))
    if lock < 0:
        return
    supervisor = Supervisor(engine, lock)
    try:
        supervisor.run()
    except BaseException as error:
        supervisor.log.line(f"failed: {type(error).__name__}: {error}")
        time.sleep(1)  # the heir would fail in the same way, and its heir
        raise
