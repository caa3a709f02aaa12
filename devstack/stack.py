"""The whole system on one machine: start, watch, stop; tests start theirs beside another."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from devstack.console import Console
from devstack.engines import Engine, bus, database, search, search_engine
from devstack.environment import (
    EngineUrls,
    demo_environment,
    gateway_environment,
    mail_environment,
    openid_environment,
    service_environment,
)
from devstack.keys import write_keys
from devstack.parts import (
    CHECKOUT,
    GATEWAY,
    MAIL,
    MONGOD,
    NATS,
    NATS_MONITOR,
    OPENID,
    SEARCH_ENGINE,
    SERVICES,
    Place,
    Service,
)
from devstack.processes import GRACE, Process, ProcessError, require_free_port
from devstack.programs import Program, answers_http, answers_tcp

TICK = 0.1
LONGEST_BACK_OFF = 30.0
WELL_AGAIN = 60.0  # seconds after which a restarted part has earned a quick restart again


@dataclass(slots=True)
class _Outage:
    """A part that died: how often in a row, when to start it again, when that was done."""

    failures: int
    due: float
    restarted: float | None = None
    told: bool = False  # that it runs again


class Stack:
    """Everything in dependency order. Use it from a thread that lives as long as the stack."""

    def __init__(
        self,
        base_port: int,
        data: Path,
        console: Console | None = None,
        search_kind: str = "auto",
        demo: bool = True,
        code: Path = CHECKOUT,
        instead: Mapping[str, str] | None = None,
    ) -> None:
        """`instead`: what parts are told by these variables instead of what they would be."""
        self.place = Place(base_port, data.resolve(), code)
        self.search: Engine | None = None
        self.console = console or Console()
        self._search_kind = search_kind
        self._demo = demo
        self._instead = instead or {}
        self._started: list[list[Program]] = []  # groups that end together, first started first
        self._outages: dict[str, _Outage] = {}
        self._lock: TextIO | None = None

    def start(self) -> None:
        """Until everything answers and the demo data is in; what fails stops all of it."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self, grace: float = GRACE) -> None:
        """In reverse order, each group side by side; harmless when nothing runs."""
        while self._started:
            group = self._started.pop()
            running = [one.process for one in group if one.process and one.process.started]
            for process in running:
                process.grace = grace
                process.ask_to_stop()
            while any(process.exit_code is None for process in running):
                names = ", ".join(one.name for one in running if one.exit_code is None)
                self.console.waiting(f"stopping {names}")
                if not any(process.time_left for process in running):
                    break
                time.sleep(TICK)
            for program in group:
                program.stop()
        self.console.rest()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def programs(self) -> list[Program]:
        """All that was started, first started first."""
        return [program for group in self._started for program in group]

    def watch(self) -> str:
        """Restart what dies; returns, with the reason, when an engine did."""
        while True:
            time.sleep(TICK * 5)
            for program in self.programs:
                if program.alive:
                    self._tell_when_back(program)
                elif isinstance(program, Engine):
                    return program.explain_death()
                else:
                    self._restart_when_due(program)

    def _start(self) -> None:
        self.place.data.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        for name, offset in [("gateway", GATEWAY), *((one.name, one.port) for one in SERVICES)]:
            require_free_port(self.place.port(offset), name)
        write_keys(self.place)
        mongo, nats, self.search = self._engines()
        openid = self._python("openid", OPENID, "devstack.openid", openid_environment(self.place))
        openid.answers = lambda: answers_http(f"{self.place.url(OPENID)}/healthz")
        mail = self._python("mail", MAIL, "devstack.mail", mail_environment(self.place))
        mail.answers = lambda: answers_tcp(self.place.port(MAIL))
        self._bring_up([mongo, nats])
        self.search = self._install(self.search)
        begin = time.monotonic()  # an installation may have taken minutes
        self._bring_up([self.search, openid, mail])
        self._wait_for([mongo, nats], begin)
        urls = EngineUrls(mongo.url, nats.url, self.search.url)
        services = [self._service(service, urls) for service in SERVICES]
        gateway = self._gateway(urls)
        # The search engine takes longest, and no part needs it to start.
        self._bring_up(services)
        self._bring_up([gateway])
        self._wait_for([openid, mail, *services, gateway, self.search], begin)
        if self._demo:
            self._load_demo()

    def _engines(self) -> tuple[Engine, Engine, Engine]:
        place, data = self.place, self.place.data
        given = os.environ.get
        mongo = (
            database.given(uri)
            if (uri := given("MONGO_URI"))
            else database.mongod(data / "mongod", place.port(MONGOD), place.log("mongod"))
        )
        nats = (
            bus.given(url)
            if (url := given("NATS_URL"))
            else bus.nats(
                data / "nats", place.port(NATS), place.log("nats"), place.port(NATS_MONITOR)
            )
        )
        if url := given("OPENSEARCH_URL"):
            return mongo, nats, search.given(url)
        return mongo, nats, self._search_engine(self._search_kind)

    def _search_engine(self, kind: str) -> Engine:
        place = self.place
        folder, port = place.data / "search-engine", place.port(SEARCH_ENGINE)
        return search_engine(folder, port, kind, place.log("search-engine"))

    def _install(self, engine: Engine) -> Engine:
        """With something to look at: it can take minutes, once on a machine."""
        if engine.installer is None or engine.installed():
            return engine
        begin = time.monotonic()
        engine.installer.start()
        while engine.installer.exit_code is None:
            said = engine.installer.last_words(1)
            self.console.waiting(f"installing {engine.name}, once on this machine: {said}")
            time.sleep(TICK)
        self.console.rest()
        try:
            engine.end_install()
        except ProcessError as error:
            if self._search_kind != "auto":
                raise
            instead = self._search_engine("osmem")
            instead.note = f"in memory: {error}"
            return instead
        self.console.done(f"{engine.name} installed", time.monotonic() - begin)
        return engine

    def _service(self, service: Service, urls: EngineUrls) -> Program:
        environment = service_environment(self.place, service, urls)
        program = self._python(service.name, service.port, f"services.{service.name}", environment)
        program.ports = (self.place.port(service.port), self.place.port(service.metrics_port))
        program.url = self.place.address(service.port)
        program.answers = _health_of(program.url)
        return program

    def _gateway(self, urls: EngineUrls) -> Program:
        environment = gateway_environment(self.place, urls)
        return self._python("gateway", GATEWAY, "gateway", environment)

    def _python(self, name: str, port: int, module: str, environment: dict[str, str]) -> Program:
        command = [sys.executable, "-m", module]
        environment = {**environment, **self._instead}
        url = self.place.url(port)
        return Program(
            name=name,
            url=url,
            answers=lambda: answers_http(f"{url}/readyz"),
            process=Process(name, command, self.place.log(name), environment, self.place.code),
            ports=(self.place.port(port),),
        )

    def _bring_up(self, programs: Sequence[Program]) -> None:
        self._started.append(list(programs))
        for program in programs:
            program.start()

    def _wait_for(self, programs: Iterable[Program], begin: float) -> None:
        pending = list(programs)
        while pending:
            for program in list(pending):
                if program.ready():
                    pending.remove(program)
                    self.console.done(program.name, time.monotonic() - begin)
                elif time.monotonic() - begin > program.patience:
                    raise ProcessError(program.explain_silence(program.patience))
            self._require_engines()
            if pending:
                self.console.waiting(f"waiting for {', '.join(one.name for one in pending)}")
                time.sleep(TICK)
        self.console.rest()

    def _require_engines(self) -> None:
        for program in self.programs:
            if isinstance(program, Engine) and not program.alive:
                raise ProcessError(program.explain_death())

    def _load_demo(self) -> None:
        """A demo that fails is said, and no reason to stop a system that runs."""
        begin = time.monotonic()
        command = [sys.executable, "-m", "devstack.demo"]
        environment = demo_environment(self.place)
        process = Process("demo", command, self.place.log("demo"), environment, self.place.code)
        demo = Program("demo data", "", lambda: False, process)
        self._started.append([demo])
        demo.start()
        while process.exit_code is None:
            self.console.waiting("loading the demo data")
            self._require_engines()
            time.sleep(TICK)
        self.console.rest()
        self._started.remove([demo])
        if process.exit_code == 0:
            self.console.done("demo data", time.monotonic() - begin)
        else:
            self.console.say(demo.explain_death(), "yellow")
        demo.stop()

    def _restart_when_due(self, program: Program) -> None:
        now = time.monotonic()
        outage = self._outages.get(program.name)
        if outage is None or outage.restarted is not None:
            again = outage and now - (outage.restarted or 0.0) < WELL_AGAIN
            failures = outage.failures + 1 if outage and again else 0
            wait = min(2.0**failures, LONGEST_BACK_OFF)
            self._outages[program.name] = _Outage(failures, now + wait)
            reason = program.explain_death()
            self.console.say(f"{reason}; starting it again in {wait:.0f} s", "yellow")
        elif now >= outage.due:
            outage.restarted = now
            program.stop()
            program.start()

    def _tell_when_back(self, program: Program) -> None:
        outage = self._outages.get(program.name)
        if outage and not outage.told and program.answers():
            outage.told = True
            self.console.say(f"{program.name} runs again")

    def _take_lock(self) -> None:
        path = self.place.data / "lock"
        self._lock = path.open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            holder = self._lock.read().strip()
            raise ProcessError(
                f"Guildhall runs already with its data in {self.place.data} ({holder}):"
                " stop it there with Ctrl-C, or choose another folder with GUILDHALL_DATA"
                " and other ports with GUILDHALL_PORT"
            ) from None
        self._lock.truncate(0)
        self._lock.write(f"pid {os.getpid()}, {self.place.url(GATEWAY)}\n")
        self._lock.flush()


def _health_of(address: str) -> Callable[[], bool]:
    def serves() -> bool:
        # Not by way of a proxy of the environment, which cannot reach this machine's ports.
        with grpc.insecure_channel(address, [("grpc.enable_http_proxy", 0)]) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            try:
                answer = health.Check(health_pb2.HealthCheckRequest(service=""), timeout=2)
            except grpc.RpcError:
                return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    return serves
