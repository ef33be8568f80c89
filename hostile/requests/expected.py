"""Outcomes of hostile files and requests: one status with one error code or one class."""

from dataclasses import dataclass
from typing import Any

import httpx

from errors import ClassifierError
from harness.toys import LABELS


@dataclass(frozen=True)
class Outcome:
    """The actual or the expected outcome of a file or a request."""

    status: int
    code: str  # error code; of a 200 the label of the class; empty for other pages

    def __str__(self) -> str:
        return f"{self.status} {self.code}".strip()


RED = Outcome(200, LABELS[0])  # images of the corpus that can be classified are red
PAGE = Outcome(200, "")


def refused(error: type[ClassifierError]) -> Outcome:
    """The outcome of an error."""
    return Outcome(int(error.status), error.code)


def outcome_of(response: httpx.Response) -> Outcome:
    """The outcome of a response; an error outside the envelope has no code."""
    answer: Any = None
    if response.headers.get("content-type") == "application/json":
        answer = response.json()
    if isinstance(answer, dict) and set(answer) == {"error"}:
        error = answer["error"]
        return Outcome(response.status_code, error["code"] if isinstance(error, dict) else "")
    return Outcome(response.status_code, str(_label(answer)))


def _label(answer: Any) -> object:
    """The best class's label in an answer of any of the protocols; empty where there is none."""
    if isinstance(answer, list):
        return answer[0]["label"]
    if not isinstance(answer, dict):
        return ""
    if "outputs" in answer:
        return answer["outputs"][0]["data"][0].rpartition(":")[2]
    if "label" not in answer and "class_id" in answer:
        return LABELS[answer["class_id"]]
    return answer.get("label", "")
