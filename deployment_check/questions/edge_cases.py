"""Odd images and odd names get the answer of the same image in an ordinary form."""

from collections.abc import Mapping
from functools import partial

from deployment_check.checks import Check, Failed, Skipped
from deployment_check.deployment import Deployment, shown
from deployment_check.questions.images import encoded, oddities, pairs, photograph, picture
from deployment_check.questions.predictions import agreement

_FILE_NAMES = {
    "file name of 4,000 characters": "x" * 4000 + ".jpg",
    "file name that leaves the folder": "../" * 40 + "etc/passwd",
    "file name in other scripts": "фото-写真-📷.jpg",
    "no file name's ending": "photograph",
}


def is_seen_alike(name: str, deployment: Deployment) -> str:
    """An odd image gets the answer of the ordinary one that looks the same."""
    odd, ordinary = pairs()[name]
    return agreement(deployment.classify(odd), deployment.classify(ordinary))


def is_answered(name: str, deployment: Deployment) -> str:
    """An odd image gets an answer."""
    response = deployment.client.post("/classify", content=oddities()[name])
    if response.status_code == 413:
        raise Skipped("the limit is lower here")
    if response.status_code != 200:
        raise Failed(f"{shown(response)}, not 200")
    deployment.hold_to_contract("POST", "/classify", response)
    return f"{response.json()['label']}"


def is_name_ignored(name: str, deployment: Deployment) -> str:
    """A file's name and type change nothing."""
    part = (_FILE_NAMES[name], photograph(), "text/plain")
    answer = deployment.ask("POST", "/classify", files={"image": part}).json()
    return agreement(answer, deployment.classify(photograph()))


def is_type_ignored(deployment: Deployment) -> str:
    """A PNG that is called a JPEG is what it is."""
    png, headers = encoded(picture()), {"content-type": "image/jpeg"}
    return agreement(deployment.classify(png, headers=headers), deployment.classify(png))


CHECKS: Mapping[str, Check] = {
    **{name: partial(is_seen_alike, name) for name in pairs()},
    **{name: partial(is_answered, name) for name in oddities()},
    **{name: partial(is_name_ignored, name) for name in _FILE_NAMES},
    "PNG that is called a JPEG": is_type_ignored,
}
