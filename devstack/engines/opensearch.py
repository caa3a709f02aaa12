"""OpenSearch by way of Maven; `python -m devstack.engines.opensearch` installs it."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from devstack.engines.engine import Engine
from devstack.processes import LEASH, Process
from devstack.programs import answers_http

VERSION = "3.8.0"
OLDEST_JAVA = 21
FETCH = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
POM = f"""\
<project><modelVersion>4.0.0</modelVersion>
<groupId>guildhall</groupId><artifactId>opensearch-fetch</artifactId><version>1</version>
<packaging>pom</packaging><dependencies><dependency>
<groupId>org.opensearch.distribution.integ-test-zip</groupId><artifactId>opensearch</artifactId>
<version>{VERSION}</version><type>zip</type>
<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>
</dependency></dependencies></project>
"""
# GeoIP databases with their module are 70 MB that nothing here uses.
LEFT_OUT = re.compile(r"/modules/ingest-geoip|/lib/tools/|\.(exe|bat)$")
CONFIG = """\
cluster.name: guildhall
node.name: laptop
discovery.type: single-node
network.host: 127.0.0.1
http.port: {port}
transport.port: 0
path.data: {data}/nodes
path.logs: {data}/logs
cluster.routing.allocation.disk.threshold_enabled: false
"""
LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""
JVM = """\
-Xms512m -Xmx512m -Xss1m -XX:+UseSerialGC -Djava.awt.headless=true -Dfile.encoding=UTF-8
-Djna.nosys=true -XX:-OmitStackTraceInFastThrow -Dio.netty.noUnsafe=true
-Dio.netty.noKeySetOptimization=true -Dio.netty.recycler.maxCapacityPerThread=0
-Dio.netty.allocator.numDirectArenas=0 -Dlog4j.shutdownHookEnabled=false -Dlog4j2.disable.jmx=true
--add-modules=jdk.incubator.vector --add-opens=java.base/java.nio=ALL-UNNAMED
-Djava.locale.providers=SPI,CLDR -Dorg.apache.lucene.store.MMapDirectory.sharedArenaMaxPermits=1
-Dopensearch.distribution.type=zip -Dopensearch.bundled_jdk=false
"""
HINTS = (
    ("BindHttpException", "its port is in use: choose other ports with GUILDHALL_PORT"),
    ("failed to obtain node locks", "its data folder is in use by another OpenSearch"),
    ("There is insufficient memory", "it needs 1 GB of free memory: GUILDHALL_SEARCH_ENGINE=osmem"),
    ("leash: no user namespace", "it refuses to run as root: use another account"),
)


def obstacle() -> str | None:
    """Why OpenSearch cannot run on this machine, with what would help; None when it can."""
    version, home = newest_java()
    if version < OLDEST_JAVA:
        found = f"the newest found is {version} in {home}" if home else "none was found"
        return f"it needs a JDK {OLDEST_JAVA} or newer ({found}): install one, or set JAVA_HOME"
    if not _distribution().exists() and shutil.which("mvn") is None:
        return "it needs Maven to be installed once: install mvn"
    if os.geteuid() == 0 and not _namespaces_allowed():
        return "it refuses to run as root: use another account"
    return None


def engine(data: Path, port: int, log: Path) -> Engine:
    """A node of one, without security plugin, on loopback only."""
    data = data.resolve()
    url = f"http://127.0.0.1:{port}"
    _write_settings(data, port)
    home = newest_java()[1]
    distribution = _distribution()
    command = [
        f"{home}/bin/java",
        *JVM.split(),
        *(f"-Djna.tmpdir={data}/scratch", f"-Djava.io.tmpdir={data}/scratch"),
        *(f"-XX:ErrorFile={data}/logs/hs_err_%p.log", f"-Dopensearch.path.home={distribution}"),
        f"-Dopensearch.path.conf={data}/config",
        *os.environ.get("OPENSEARCH_JAVA_OPTS", "").split(),
        *("-cp", f"{distribution}/lib/*", "org.opensearch.bootstrap.OpenSearch"),
    ]
    return Engine(
        name="OpenSearch",
        url=url,
        answers=lambda: answers_http(f"{url}/_cluster/health?wait_for_status=yellow&timeout=1s"),
        # It refuses user id 0; in a namespace of its own it has none and still owns its files.
        process=Process("opensearch", command, log, own_namespace=os.geteuid() == 0),
        ports=(port,),
        variable="OPENSEARCH_URL",
        patience=180,
        hints=HINTS,
        installer=Process(
            "opensearch-install",
            [sys.executable, "-m", "devstack.engines.opensearch"],
            log.with_name("opensearch-install.log"),
            cwd=Path(__file__).parents[2],
        ),
        installed=distribution.exists,
    )


def newest_java() -> tuple[int, Path | None]:
    """The newest JDK among the named one, the default one and its siblings: major, home."""
    newest: tuple[int, Path | None] = (0, None)
    for home in _java_homes():
        if (home / "bin" / "java").exists() and (version := _java_version(home)) > newest[0]:
            newest = (version, home)
    return newest


def install() -> None:
    """Fetch and unpack it into the user's cache; interrupted at any time it leaves nothing half."""
    target = _distribution()
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second clone waits and then finds it done
        if target.exists():
            return
        for left in target.parent.glob("partial-*"):
            shutil.rmtree(left, ignore_errors=True)
        partial = Path(tempfile.mkdtemp(prefix="partial-", dir=target.parent))
        try:
            _unpack(_fetch(partial), partial / "unpacked")
            (partial / "unpacked" / f"opensearch-{VERSION}").rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _fetch(folder: Path) -> Path:
    (folder / "pom.xml").write_text(POM)
    maven = ["mvn", "-B", "-ntp", "-q", "-f", str(folder / "pom.xml"), FETCH]
    print(f"fetching OpenSearch {VERSION} with Maven", flush=True)
    run = subprocess.run(
        [*maven, f"-DoutputDirectory={folder / 'fetched'}"],
        capture_output=True,
        text=True,
        env={**os.environ, "JAVA_HOME": str(newest_java()[1])},
        check=False,
    )
    if run.returncode != 0:
        print(run.stdout, run.stderr)
        errors = [line for line in run.stdout.splitlines() if "ERROR" in line] or ["no reason said"]
        sys.exit(
            f"Maven failed: {errors[0][:300]} - look at its network settings, or take"
            " GUILDHALL_SEARCH_ENGINE=osmem"
        )
    return folder / "fetched" / f"opensearch-{VERSION}.zip"


def _unpack(archive: Path, folder: Path) -> None:
    print("unpacking", flush=True)
    with zipfile.ZipFile(archive) as content:
        wanted = [name for name in content.namelist() if not LEFT_OUT.search(name)]
        content.extractall(folder, wanted)
    # Its Java agent stays off, but the classes that come with it are needed.
    home = folder / f"opensearch-{VERSION}"
    for jar in (home / "agent").glob("opensearch-agent-bootstrap-*.jar"):
        shutil.copy(jar, home / "lib")


def _write_settings(data: Path, port: int) -> None:
    for folder in ("config", "nodes", "logs", "scratch"):
        (data / folder).mkdir(parents=True, exist_ok=True)
    (data / "config" / "opensearch.yml").write_text(CONFIG.format(port=port, data=data))
    (data / "config" / "log4j2.properties").write_text(LOGGING)
    (data / "config" / "jvm.options").touch()


def _distribution() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "guildhall" / f"opensearch-{VERSION}"


def _java_homes() -> Iterator[Path]:
    for variable in ("OPENSEARCH_JAVA_HOME", "JAVA_HOME"):
        if named := os.environ.get(variable):
            yield Path(named)
    if program := shutil.which("java"):
        default = Path(program).resolve().parents[1]
        yield default
        yield from default.parent.iterdir()
    yield from Path("/Library/Java/JavaVirtualMachines").glob("*/Contents/Home")


def _java_version(home: Path) -> int:
    try:
        found = re.search(r'^JAVA_VERSION="(\d+)', (home / "release").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0


def _namespaces_allowed() -> bool:
    """Asked of a child: a namespace once entered cannot be left."""
    leash = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), "own-namespace", "true"]
    return subprocess.run(leash, capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    begin = time.monotonic()
    install()
    print(f"{_distribution()} is there after {time.monotonic() - begin:.0f} s")
