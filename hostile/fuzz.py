"""Look for bytes that break decoding or parsing: ``python -m hostile.fuzz``.

The fuzzer (atheris) is guided by the lines that an input reaches, in our code, in Pillow's plugins
and in the form parser. Inputs that break something are kept in ``build/fuzz`` and printed with the
command that repeats them; the command then ends with 1.
"""

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

from hostile import properties
from hostile.damage import SOUND
from hostile.images.files import FILES
from hostile.requests import calls

TARGETS = ("decoded", "recognised", "parsed")

SECONDS = 60.0
FOLDER = Path(__file__).parents[1] / "build/fuzz"

_QUICK = ("animated", "MPO", "GIF", "turned", "PNG and", "WebP canvas", "only", "pickle", "PDF")
_MAX_BYTES = 4096
_MAX_SECONDS = 20  # of one input
_MAX_MEGABYTES = 768  # of the process, of which the libraries take a third
_START_SECONDS = 60
# Linux inherits the peak of memory from the process that starts another: here that is a shell.
_BY_ITSELF = ("sh", "-c", '"$@"; exit $?', "sh")
_INPUTS, _EDGES = re.compile(r"^#(\d+)\t", re.MULTILINE), re.compile(r"cov: (\d+)")


def seeds(target: str) -> list[bytes]:
    """Small cases of the hostile corpus, as inputs of a target."""
    if target != "parsed":
        files = [sound.content for sound in SOUND.values()]
        small = [file.make() for name, file in FILES.items() if name.startswith(_QUICK)]
        return files + [content for content in small if len(content) <= _MAX_BYTES]
    form = b'--B\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nx\r\n'
    field = b'--B\r\nContent-Disposition: form-data; name="top_k"\r\n\r\n3\r\n--B--\r\n'
    return [
        b"\0\n\n" + form + field,
        b"\0\n\n" + form.replace(b'"image"', b'"images"') * 2 + field,
        b'\1\ntop_k=2\n{"image":"data:image/png;base64,AAAA","top_k":3}',
        b'\1\n\n{"images":["AAAA",null,"http://127.0.0.1/"]}',
        b"\2\ntop_k=1&a=b\nx",
        *(name.encode() + b"\n\nx" for name in calls.PICKLE_TYPES),
    ]


def fuzz(target: str, seconds: float, folder: Path = FOLDER) -> list[Path]:
    """Run the fuzzer for some time; returns inputs that broke something.

    They and the fuzzer's own corpus are kept in the folder.
    """
    corpus = folder / target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        (corpus / f"seed-{number}").write_bytes(seed)
    started = time.time()
    command = [*_BY_ITSELF, sys.executable, "-m", "hostile.fuzz_target", target]
    options = [
        f"-max_total_time={seconds:.0f}",
        f"-max_len={_MAX_BYTES}",
        f"-timeout={_MAX_SECONDS}",
        f"-rss_limit_mb={_MAX_MEGABYTES}",
        f"-artifact_prefix={folder}/{target}-",
        str(corpus),
    ]
    done = subprocess.run(
        [*command, *options],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds + _START_SECONDS,
        check=False,
    )
    kept = [path for path in sorted(folder.glob(f"{target}-*")) if path.is_file()]
    found = [path for path in kept if path.stat().st_mtime >= started]
    inputs, edges = ((each.findall(done.stderr) or ["0"])[-1] for each in (_INPUTS, _EDGES))
    print(f"{target}: {inputs} inputs, {edges} edges, {len(found)} found")
    for path in found:
        print(done.stderr[-2000:] + done.stdout[-2000:])
        print(f"to repeat it: python -m hostile.fuzz --repeat {path}")
    if done.returncode and not found:
        raise SystemExit(f"the fuzzer itself failed:\n{done.stderr[-2000:]}")
    return found


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m hostile.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for all targets together")
    parser.add_argument("--repeat", type=Path, metavar="FILE", help="that was found")
    given = parser.parse_args()
    if given.repeat:
        target = given.repeat.name.partition("-")[0]
        getattr(properties, target)(given.repeat.read_bytes())
        print("it does not happen any more")
        return
    found = [path for target in TARGETS for path in fuzz(target, given.seconds / len(TARGETS))]
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
