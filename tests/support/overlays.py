"""Virtual environments with other versions than this one, which has all the rest."""

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path


def python_with(folder: Path, requirements: Sequence[str], *options: str) -> Path:
    """The Python of a virtual environment; it is made unless the folder has it.

    Args:
        folder: of the environment.
        requirements: what it has beside, or instead of, the packages that are installed here.
        options: of ``pip install``.
    """
    python, complete = folder / "bin/python", folder / "complete"
    if not complete.exists():
        venv.create(folder, clear=True)
        paths = {"base": str(folder), "platbase": str(folder)}
        site = Path(sysconfig.get_path("purelib", "venv", vars=paths))
        (site / "rest.pth").write_text(sysconfig.get_path("purelib"))
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install"]
        subprocess.run([*pip, "--quiet", "--no-compile", *options, *requirements], check=True)
        complete.touch()
    return python
