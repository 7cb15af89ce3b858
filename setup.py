"""The native extension; everything else about the package is in pyproject.toml.

Environment switches:
  FLOWEDGE_LIBPCAP=system|none   build with or without the system's libpcap (default: with it, where it is found)
  FLOWEDGE_SANITIZE=1            AddressSanitizer and UndefinedBehaviorSanitizer, for tests
"""

import os
import sys
import sysconfig
import tempfile
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

LOWEST_PYTHON = "0x030B0000"  # the buffer protocol entered the stable ABI in 3.11
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))  # has no stable ABI
COMPILE_ARGS = ["-std=c++17", "-O3", "-ffp-contract=off", "-fvisibility=hidden", "-g0"]
SANITIZE_ARGS = ["-g", "-O1", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
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


class BuildExtension(build_ext):
    """Adds libpcap once the compiler is known, so that its presence can be tried."""

    def build_extensions(self) -> None:
        if self.wants_libpcap():
            for extension in self.extensions:
                extension.define_macros.append(("FLOWEDGE_HAVE_LIBPCAP", "1"))
                extension.libraries.append("pcap")
        super().build_extensions()

    def wants_libpcap(self) -> bool:
        choice = os.environ.get("FLOWEDGE_LIBPCAP", "")
        if choice not in ("", "system", "none"):
            raise SystemExit(f"FLOWEDGE_LIBPCAP={choice}: give system or none")
        if choice == "none":
            return False
        found = self.libpcap_links()
        if choice == "system" and not found:
            raise SystemExit("FLOWEDGE_LIBPCAP=system: no libpcap to build with; install libpcap-dev or libpcap-devel")
        return found

    def libpcap_links(self) -> bool:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "probe.c")
            source.write_text("#include <pcap/pcap.h>\nint main(void) { return pcap_lib_version() == 0; }\n")
            try:
                objects = self.compiler.compile([str(source)], output_dir=folder)
                self.compiler.link_executable(objects, "probe", output_dir=folder, libraries=["pcap"])
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
            "src/flowedge/_native.pxd",
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
