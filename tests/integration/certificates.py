"""Certificates that tests make themselves, with the program openssl."""

import shutil
import subprocess
from pathlib import Path

PAST, FUTURE = "20200101000000Z", "20490101000000Z"
CONFIGURATION = """
[req]
distinguished_name = nobody
[nobody]
[ca]
default_ca = own
[own]
database = {folder}/index.txt
new_certs_dir = {folder}
serial = {folder}/serial
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""


def available() -> bool:
    return shutil.which("openssl") is not None


class Authority:
    """Signs certificates. Its own is the file `certificate`."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder / name
        self._folder.mkdir()
        self.certificate = self._folder / "ca.crt"
        self._key = self._folder / "ca.key"
        (self._folder / "index.txt").touch()
        (self._folder / "serial").write_text("01\n")
        self._configuration = self._folder / "openssl.cnf"
        self._configuration.write_text(CONFIGURATION.format(folder=self._folder))
        subject = ["-subj", f"/CN={name}", "-days", "3650", "-addext", "basicConstraints=critical,CA:TRUE"]
        made = ["-keyout", self._key, "-out", self.certificate, "-config", self._configuration]
        _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *made)

    def issue(self, name: str, *, expired: bool = False) -> tuple[Path, Path]:
        """A certificate for a host, and its key. One that has expired was good in January 2020."""
        request, key, certificate = (self._folder / f"{name}{suffix}" for suffix in (".csr", ".key", ".crt"))
        made = ["-keyout", key, "-out", request, "-config", self._configuration]
        _openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", *made)
        extensions = self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName=DNS:{name}\n")
        dates = ["-startdate", PAST, "-enddate", "20200201000000Z" if expired else FUTURE]
        signers = ["-config", self._configuration, "-keyfile", self._key, "-cert", self.certificate]
        files = ["-in", request, "-out", certificate, "-extfile", extensions]
        _openssl("ca", "-batch", "-notext", *signers, *dates, *files)
        return certificate, key


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
