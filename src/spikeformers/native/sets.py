"""The instruction sets the native core is compiled for, and which sources a library stems from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).parent / "src"
LIBRARIES: Final = Path(__file__).parent / "lib"

# Best first; with the flags that GCC and clang know for them.
INSTRUCTION_SETS: Final = {
    "avx512": ("-march=x86-64-v4", "-mavx512vbmi", "-mavx512vnni", "-mavx512bf16", "-mavx512vpopcntdq"),
    "avx2": ("-march=x86-64-v3", "-mf16c"),
    "portable": (),
}

_COMMENT = re.compile(r"//[^\n]*")
_DECLARATION = re.compile(r"^SF_API [^{]*|^struct Sf\w+ \{.*?^\};", re.DOTALL | re.MULTILINE)


def library_name(instruction_set: str) -> str:
    """File name of the library for an instruction set."""
    return f"libspikeformers_{instruction_set}.so"


def sources() -> list[Path]:
    """Everything that is compiled or included, by name."""
    return sorted(path for path in SOURCES.glob("*") if path.suffix in (".cpp", ".hpp"))


def sources_digest() -> str:
    """What the sources say: another digest is another library."""
    return _digest(path.name + path.read_text() for path in sources())


def interface_digest() -> str:
    """What callers rely on: the signatures and structures of the plain C interface."""
    texts = (_COMMENT.sub("", path.read_text()) for path in sources())
    return _digest(" ".join(found.split()) for text in texts for found in _DECLARATION.findall(text))


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
