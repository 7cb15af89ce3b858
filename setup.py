"""The native extension; everything else about the package is in pyproject.toml.

Environment switches:
  FLOWEDGE_LIBPCAP=system   build with the system's libpcap (default: where it is found)
  FLOWEDGE_LIBPCAP=none     build without
  FLOWEDGE_LIBPCAP=/prefix  build with the one there: include/pcap/pcap.h and lib/libpcap.a, or else lib/libpcap.so
  FLOWEDGE_SANITIZE=1       AddressSanitizer and UndefinedBehaviorSanitizer, for tests
"""

import os
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

LOWEST_PYTHON = "0x030B0000"  # the buffer protocol entered the stable ABI in 3.11
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))  # has no stable ABI
COMPILE_ARGS = ["-std=c++17", "-O3", "-ffp-contract=off", "-fvisibility=hidden", "-g0"]
SANITIZE_ARGS = ["-g", "-O1", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
PREFIX_CONTENT = (
    "the prefix must hold include/pcap/pcap.h, and lib/libpcap.a that needs no other library, or lib/libpcap.so"
)
DIRECTIVES = {
    "language_level": 3,
    "embedsignature": True,
    "auto_pickle": False,
    "autotestdict": False,
}


def define_macros() -> list[tuple[str, str]]:
    macros = []
    if not FREE_THREADED:
        macros.append(("Py_LIMITED_API", LOWEST_PYTHON))
    if sys.maxsize < 2**32:  # 32-bit glibc: times beyond 2038, files beyond 2 GB
        macros += [("_TIME_BITS", "64"), ("_FILE_OFFSET_BITS", "64")]
    return macros


@dataclass(frozen=True)
class Libpcap:
    """How to compile and link with a libpcap: setuptools' arguments."""

    include_dirs: tuple[str, ...] = ()
    extra_objects: tuple[str, ...] = ()
    library_dirs: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ("pcap",)

    @classmethod
    def at(cls, prefix: Path) -> "Libpcap | None":
        headers, library = prefix / "include", prefix / "lib"
        if not (headers / "pcap" / "pcap.h").exists():
            return None
        if (library / "libpcap.a").exists():
            return cls((str(headers),), extra_objects=(str(library / "libpcap.a"),), libraries=())
        if (library / "libpcap.so").exists():
            return cls((str(headers),), library_dirs=(str(library),))
        return None


class BuildExtension(build_ext):
    """Adds libpcap once the compiler is known, so that its presence can be tried."""

    def build_extensions(self) -> None:
        libpcap = self.wanted_libpcap()
        if libpcap is not None:
            for extension in self.extensions:
                extension.define_macros.append(("FLOWEDGE_HAVE_LIBPCAP", "1"))
                extension.include_dirs += libpcap.include_dirs
                extension.extra_objects += libpcap.extra_objects
                extension.library_dirs += libpcap.library_dirs
                extension.runtime_library_dirs += libpcap.library_dirs
                extension.libraries += libpcap.libraries
        super().build_extensions()

    def wanted_libpcap(self) -> Libpcap | None:
        choice = os.environ.get("FLOWEDGE_LIBPCAP", "")
        if choice == "none":
            return None
        if choice not in ("", "system") and not choice.startswith("/"):
            raise SystemExit(f"FLOWEDGE_LIBPCAP={choice}: give system, none, or the path of a prefix")
        libpcap = Libpcap.at(Path(choice)) if choice.startswith("/") else Libpcap()
        if libpcap is not None and self.links(libpcap):
            return libpcap
        if choice == "system":
            raise SystemExit("FLOWEDGE_LIBPCAP=system: no libpcap to build with; install libpcap-dev or libpcap-devel")
        if choice:
            raise SystemExit(f"FLOWEDGE_LIBPCAP={choice}: no libpcap to build with; {PREFIX_CONTENT}")
        return None

    def links(self, libpcap: Libpcap) -> bool:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "probe.c")
            source.write_text("#include <pcap/pcap.h>\nint main(void) { return pcap_lib_version() == 0; }\n")
            try:
                objects = self.compiler.compile([str(source)], output_dir=folder, include_dirs=[*libpcap.include_dirs])
                self.compiler.link_executable(
                    [*objects, *libpcap.extra_objects],
                    "probe",
                    output_dir=folder,
                    libraries=[*libpcap.libraries],
                    library_dirs=[*libpcap.library_dirs],
                )
            except (CompileError, LinkError):
                return False
        return True


def native_extension() -> Extension:
    sanitize = SANITIZE_ARGS if os.environ.get("FLOWEDGE_SANITIZE") == "1" else []
    return Extension(
        "flowedge._core",
        sources=["src/flowedge/_core.pyx", *sorted(str(path) for path in Path("native/src").glob("*/*.cpp"))],
        depends=[
            "src/flowedge/_callbacks.hpp",
            "src/flowedge/_live.pxi",
            "src/flowedge/_native.pxd",
            "src/flowedge/_windows.pxi",
            *sorted(str(path) for path in Path("native").rglob("*.hpp")),
        ],
        include_dirs=["native/include", "src/flowedge"],
        define_macros=define_macros(),
        extra_compile_args=COMPILE_ARGS + sanitize,
        extra_link_args=sanitize,
        language="c++",
        py_limited_api=not FREE_THREADED,
    )


setup(
    ext_modules=cythonize([native_extension()], compiler_directives=DIRECTIVES, build_dir="build"),
    cmdclass={"build_ext": BuildExtension},
    options={} if FREE_THREADED else {"bdist_wheel": {"py_limited_api": "cp311"}},
)
