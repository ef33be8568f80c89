"""The default model gives the test images the right classes."""

from collections.abc import Mapping
from functools import partial

from deployment_check.checks import Check, Failed, Skipped
from deployment_check.deployment import Deployment
from load_generator.known_images import EXPECTED, TEST_IMAGES


def is_known(name: str, deployment: Deployment) -> str:
    """One test image."""
    if reason := deployment.why_answers_are_unknown:
        raise Skipped(reason)
    answer = deployment.classify((TEST_IMAGES / name).read_bytes())
    found = f"{answer['class_id']} {answer['label']} {answer['confidence']:.3f}"
    if answer["class_id"] not in EXPECTED[name]["class_ids"]:
        raise Failed(f"{found}, not {' or '.join(EXPECTED[name]['labels'])}")
    return found


CHECKS: Mapping[str, Check] = {name: partial(is_known, name) for name in sorted(EXPECTED)}
