"""Compiles the native core while the package is installed, as an optional part: what fails is said and left out."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import sys_tags

VARIABLE = "SPIKEFORMERS_NO_NATIVE"


class NativeCore(BuildHookInterface):  # type: ignore[type-arg]
    """The libraries of `src/spikeformers/native`: beside the sources for an editable install, else in the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if os.environ.get(VARIABLE) == "1":
            return
        sys.path.insert(0, str(Path(self.root) / "src"))
        from spikeformers.native.build import BuildError, build
        from spikeformers.native.sets import LIBRARIES

        self._workshop = tempfile.TemporaryDirectory()
        try:
            libraries = build(LIBRARIES if version == "editable" else Path(self._workshop.name))
        except (BuildError, OSError) as error:
            self.app.display_warning(f"The native core is not built, the package runs on PyTorch alone: {error}")
            return
        if version != "editable":
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{_platform()}"
            build_data["force_include"].update(
                {str(path): f"spikeformers/native/lib/{path.name}" for path in libraries}
            )

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if hasattr(self, "_workshop"):
            self._workshop.cleanup()


def _platform() -> str:
    """This machine's, without the promise of old systems that "manylinux" would make."""
    return next(tag.platform for tag in sys_tags() if "manylinux" not in tag.platform and "musl" not in tag.platform)
