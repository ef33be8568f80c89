"""Properties that must hold for any bytes; `hostile/fuzz.py` looks for bytes that break them."""

import warnings
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image

from errors import ClassifierError, ImageError
from harness.images import LIMITS
from harness.toys import SIZE, toy_preprocessing
from inference.answers.embedding import EmbeddingForm
from preprocessing import decode_scaled, least_side, transform
from preprocessing.encoded import Encoded
from preprocessing.ordinary import recognise
from preprocessing.orientation import orientation_of
from serving.api.header_checks import check_batch_head, check_classify_head
from serving.api.parsing import parse_classify, parse_classify_batch
from serving.api.requests import Request
from serving.parameters import MAX_CLASSES, MapForm, Parameters

# Pillow warns of what is odd in a file; the service does not listen.
warnings.simplefilter("ignore")

MAX_IMAGES = 4

_TYPES = ("multipart/form-data; boundary=B", "application/json", "image/png", "")


def decoded(content: bytes) -> None:
    """Bytes are an image within the limits, or get a 4xx."""
    for least in (None, least_side(toy_preprocessing())):
        try:
            image, box, _ = decode_scaled(content, LIMITS, least)
        except ImageError as error:
            _is_refused(error)
            continue
        assert image.mode == "RGB"
        assert 0 < image.width * image.height <= LIMITS.max_pixels
        pixels = transform(image, toy_preprocessing(), box)
        assert pixels.shape == (SIZE, SIZE, 3)
        assert pixels.dtype == np.uint8


def recognised(content: bytes) -> bool:
    """Whether bytes are recognised as an ordinary image; if so, Pillow must see the same image."""
    image = recognise(content)
    if image is None:
        return False
    kept, whole = _seen(image.content), _seen(content)
    if whole is not None:
        assert kept is not None
        assert (image.orientation, (image.width, image.height)) == whole[:2]
        assert kept[1:] == whole[1:]
    return True


def _seen(content: bytes) -> tuple[int, tuple[int, int], bytes] | None:
    """Orientation, size and pixels, as Pillow has them; None if it does not decode the file."""
    try:
        with Image.open(BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as image:
            if image.width * image.height > LIMITS.max_pixels:
                return None
            return orientation_of(image), image.size, np.asarray(image.convert("RGBA")).tobytes()
    except Exception:
        return None


def parsed(content: bytes) -> None:
    """Bytes of a request are images and parameters, or get a 4xx.

    The first line is the content type, or the number of one, and the second the query.
    """
    head, _, rest = content.partition(b"\n")
    query, _, body = rest.partition(b"\n")
    content_type = _TYPES[head[0] % 4] if len(head) == 1 else head.decode("latin-1")
    request = Request(content_type, query.decode("latin-1"), body, 0.0)
    for check, parse in ((check_classify_head, _alone), (check_batch_head, _several)):
        try:
            check(request.content_type, request.query)
            images, parameters = parse(request)
        except ClassifierError as error:
            _is_refused(error)
            continue
        assert 0 < len(images) <= MAX_IMAGES
        _are_in_bounds(parameters)
        for image in images:
            _is_encoded_or_refused(image)


def _alone(request: Request) -> tuple[Sequence[Encoded | ClassifierError], Parameters]:
    image, parameters = parse_classify(request)
    return [image], parameters


def _several(request: Request) -> tuple[Sequence[Encoded | ClassifierError], Parameters]:
    return parse_classify_batch(request, MAX_IMAGES)


def _are_in_bounds(parameters: Parameters) -> None:
    top_k, threshold, embedding, normalised, explain, class_ids, form = parameters
    assert top_k is None or (type(top_k) is int and top_k > 0)
    assert threshold is None or (type(threshold) is float and 0 <= threshold <= 1)
    assert embedding is None or type(embedding) is EmbeddingForm
    assert all(each is None or type(each) is bool for each in (normalised, explain))
    assert class_ids is None or 1 <= len(class_ids) <= MAX_CLASSES
    assert all(type(each) is int for each in class_ids or ())
    assert form in (None, *MapForm)


def _is_encoded_or_refused(image: Encoded | ClassifierError) -> None:
    if isinstance(image, ClassifierError):
        _is_refused(image)
    else:
        assert isinstance(image, (bytes, memoryview))
        assert len(image) > 0


def _is_refused(error: ClassifierError) -> None:
    assert 400 <= error.status < 500
