"""The kind of a file, by its content: a checkpoint, or what is often taken for one."""

import zipfile
from enum import Enum
from pathlib import Path

from conversion.errors import listed


class Format(Enum):
    """The formats that can be read."""

    TORCH = "torch.save"
    SAFETENSORS = "safetensors"


_HEAD_BYTES = 512
_SHOWN_CHARACTERS = 60
_SHOWN_MEMBERS = 3

_MAX_SAFETENSORS_HEADER = 100_000_000  # of its own reader
_ZIP = b"PK"

# Offset, bytes there, what such a file is and what to do; the first match counts.
_SIGNATURES: tuple[tuple[int, bytes, Format | str], ...] = (
    (0, b"version https://git-lfs", "a Git LFS pointer; fetch the file itself with: git lfs pull"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras saves"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (0, b"GGUF", "a GGUF file"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (0, b"BZh", "compressed with bzip2; unpack it first"),
    (0, b"\xfd7zXZ\x00", "compressed with xz; unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (0, b"Rar!", "a RAR archive; unpack it first"),
    (257, b"ustar", "a tar archive; unpack it first"),
    # torch.save before PyTorch 1.6: a pickle of its magic number comes first.
    (0, b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", Format.TORCH),
    (
        0,
        b"\x80",
        "a pickle that torch.save did not write, or not in its own protocol; "
        "save the weights with torch.save(model.state_dict(), FILE)",
    ),
)

# A file in the zip archive, and what such an archive is; the first match counts.
_ZIP_MEMBERS: tuple[tuple[str, Format | str], ...] = (
    (
        "constants.pkl",
        "a TorchScript file, which holds code; save its weights alone: "
        "torch.save(torch.jit.load(FILE).state_dict(), NEW_FILE)",
    ),
    ("data.pkl", Format.TORCH),
    (
        "archive_format",
        "a program saved with torch.export; save its weights alone: "
        "torch.save(torch.export.load(FILE).state_dict, NEW_FILE), or make ONNX of it for --onnx: "
        "torch.onnx.export(torch.export.load(FILE), f=NEW_FILE)",
    ),
    ("model.weights.h5", "a Keras model"),
)


def format_of(path: Path) -> Format | str:
    """The format of a checkpoint, or what the file is instead and what to do about it.

    The file's suffix does not count.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        return "empty; download or copy it again"
    # Checked first: such a file begins with a length, which may be any byte.
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < _MAX_SAFETENSORS_HEADER:
        return Format.SAFETENSORS
    for offset, signature, kind in _SIGNATURES:
        if head.startswith(signature, offset):
            return kind
    if head.startswith(_ZIP):
        return _kind_of_zip(path)
    return _kind_of_text(head) or _kind_of_onnx(path, head) or "of no kind that is known here"


def _kind_of_zip(path: Path) -> Format | str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, UnicodeDecodeError):
        return (
            "cut off or damaged: it begins as torch.save's files do, "
            "but is not whole; download or copy it again"
        )
    ends = {name.rpartition("/")[2] for name in names}
    for member, kind in _ZIP_MEMBERS:
        if member in ends:
            return kind
    content = f"of {listed(names, _SHOWN_MEMBERS)}" if names else "empty"
    return f"a zip archive ({content}); unpack it and give the checkpoint inside"


def _kind_of_text(head: bytes) -> str | None:
    # A character may be cut in two at the end.
    text = head.decode("utf-8-sig", errors="ignore").strip()
    if b"\0" in head or len(text.encode()) < len(head.strip()) - 3 or not _printable(text):
        return None
    if text.startswith("<") and "html" in text.lower():
        return "an HTML page: the link leads to a page about the file; download the file itself"
    return f"a text file that begins with {text.splitlines()[0][:_SHOWN_CHARACTERS]!r}"


def _printable(text: str) -> bool:
    return bool(text) and all(each.isprintable() or each.isspace() for each in text)


def _kind_of_onnx(path: Path, head: bytes) -> str | None:
    """ONNX has no signature: its first field is the version, and the whole file can be parsed."""
    import onnx

    if not head.startswith(b"\x08"):
        return None
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception:
        # protobuf's own errors, which have no types that can be checked.
        return None
    if not model.graph.node:
        return None
    return "an ONNX file; give the PyTorch weights that it was made from"
