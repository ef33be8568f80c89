"""The routes for the overload test: their requests, answers and refusals."""

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx

from load_generator.connections import post
from load_generator.known_images import Known, Outcome, judged, parsed
from model_spec import MODEL_NAME

_FORM: Final = b"boundary"


@dataclass(frozen=True)
class Route:
    """The protocol of one route, for one image."""

    path: str
    body: Callable[[bytes], bytes]  # of the request with an image
    headers: Callable[[bytes], Mapping[str, str]]  # beside the length, for a body
    # ``label`` and ``confidence`` of an answer; the label may also be the class id.
    answer: Callable[[Any], dict[str, Any]]
    is_refusal: Callable[[Any], bool]  # whether an error has the protocol's own shape

    def request(self, image: bytes) -> bytes:
        """The whole request with an image."""
        body = self.body(image)
        return post(self.path, body, self.headers(body))

    def judged(self, status: int, body: bytes, known: Known) -> tuple[Outcome, str]:
        """The outcome; a refusal that does not have the protocol's shape is wrong."""
        content = parsed(body)
        try:
            mine = json.dumps(self.answer(content)).encode()
        except (LookupError, TypeError, ValueError):
            mine = body
        outcome, text = judged(status, mine, known)
        if outcome is Outcome.REFUSED and not self.is_refusal(content):
            return Outcome.WRONG, f"{text}, not this protocol's error"
        return outcome, text

    def learned(self, url: str, images: Sequence[bytes]) -> list[Known]:
        """Images with the server's first answers."""
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            return [self._first(client, image) for image in images]

    def _first(self, client: httpx.Client, image: bytes) -> Known:
        body = self.body(image)
        answer = client.post(self.path, content=body, headers=self.headers(body))
        found = self.answer(answer.raise_for_status().json())
        return Known(image, found["label"], found["confidence"])


def _form(image: bytes) -> bytes:
    head = b'--%b\r\ncontent-disposition: form-data; name="file"; filename="image"\r\n\r\n' % _FORM
    return head + image + b"\r\n--%b--\r\n" % _FORM


def _tensor(image: bytes) -> bytes:
    """JSON, then the tensor in the binary extension: length, little-endian, and image."""
    tensor = struct.pack("<I", len(image)) + image
    parameters = {"binary_data_size": len(tensor)}
    inputs = {"name": "image", "shape": [1], "datatype": "BYTES", "parameters": parameters}
    best = {"name": "probabilities", "parameters": {"classification": 1}}
    return json.dumps({"inputs": [inputs], "outputs": [best]}).encode() + tensor


def _tensor_headers(body: bytes) -> dict[str, str]:
    return {"inference-header-content-length": str(body.index(b"}]}") + len(b"}]}"))}


def _tensor_answer(content: Any) -> dict[str, Any]:
    confidence, class_id, _ = content["outputs"][0]["data"][0].split(":", 2)
    return {"label": class_id, "confidence": float(confidence)}


def _has_text(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("error"), str)


def _is_envelope(content: Any) -> bool:
    error = content.get("error") if isinstance(content, dict) else None
    return isinstance(error, dict) and set(error) == {"code", "message"}


_OURS = Route(
    "/classify",
    body=bytes,
    headers=lambda body: {},
    answer=lambda content: {key: content[key] for key in ("label", "confidence")},
    is_refusal=_is_envelope,
)

ROUTES: Final = {
    "classify": _OURS,
    "hugging-face": replace(
        _OURS,
        path="/",
        answer=lambda content: {"label": content[0]["label"], "confidence": content[0]["score"]},
        is_refusal=_has_text,
    ),
    "predict": Route(
        "/predict",
        body=_form,
        headers=lambda body: {"content-type": f"multipart/form-data; boundary={_FORM.decode()}"},
        answer=lambda content: {
            "label": str(content["class_id"]),
            "confidence": content["confidence"],
        },
        is_refusal=lambda content: isinstance(content, dict) and set(content) == {"detail"},
    ),
    "open-inference": Route(
        f"/v2/models/{MODEL_NAME}/infer",
        body=_tensor,
        headers=_tensor_headers,
        answer=_tensor_answer,
        is_refusal=_has_text,
    ),
}
"""By the names that ``--route`` takes."""
