"""Hugging Face's image classification task, as ``huggingface_hub.InferenceClient`` asks for it.

``POST /`` takes the image as the body, or JSON ``{"inputs": base64, "parameters": {"top_k": …}}``,
and answers with a bare list of labels and scores.
"""

from errors import InvalidParameter, InvalidRequest, shortened
from serving.api.dialects.tensors import dict_of
from serving.api.header_checks import JSON
from serving.api.parameters import parameters_of_json
from serving.api.parsing import image_of_base64, json_object, parse_classify
from serving.api.requests import Request
from serving.api.responses import Response, json_response
from serving.classifier import Classifier
from serving.health import Monitor
from settings import Settings

_INPUTS = "inputs"
_PARAMETERS = "parameters"
_FUNCTION = "function_to_apply"


async def classify(monitor: Monitor, settings: Settings, request: Request) -> Response:
    """``POST /``: classify one image, as Hugging Face's clients ask for it"""
    classifier = monitor.ready_classifier()
    if request.media_type == JSON:
        content = json_object(request.body)
        if _INPUTS not in content:
            raise InvalidRequest(f"the JSON object must have a key {_INPUTS!r}")
        image = image_of_base64(content[_INPUTS], _INPUTS)
        parameters = dict_of(content, _PARAMETERS)
        _check_function(parameters.get(_FUNCTION), classifier)
        wanted = parameters_of_json(parameters)
    else:
        image, wanted = parse_classify(request)
    answer = await classifier.classify(image, wanted, request.deadline, request.times)
    return json_response(
        [{"label": each["label"], "score": each["confidence"]} for each in answer["predictions"]]
    )


def _check_function(asked: object, classifier: Classifier) -> None:
    """Refuse another activation than the one that the graph ends in."""
    own = classifier.spec.activation.value
    if asked is not None and asked != own:
        raise InvalidParameter(f"{_FUNCTION} must be {own!r}, not {shortened(asked)}")
