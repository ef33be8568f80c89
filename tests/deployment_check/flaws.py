"""What may be wrong with a server, and the checks that must notice it."""

from load_generator.known_images import EXPECTED
from tests.deployment_check.flawed import Answer, Asked, Flaw


def classifying(asked: Asked) -> bool:
    return asked.path == "/classify"


def garbage_is_a_500(asked: Asked, answer: Answer) -> Answer:
    is_garbage = classifying(asked) and b"this is no image" in asked.body
    return Answer(500, b"Internal Server Error") if is_garbage else answer


def errors_are_arrays(asked: Asked, answer: Answer) -> Answer:
    return answer.saying([answer.json]) if answer.status == 422 else answer


def code_is_another(asked: Asked, answer: Answer) -> Answer:
    error = {"error": {"code": "error", "message": "no"}}
    return answer.saying(error) if answer.status == 415 else answer


def form_gets_another_class(asked: Asked, answer: Answer) -> Answer:
    if classifying(asked) and b'name="file"' in asked.body:
        return answer.saying(answer.json | {"class_id": 2})
    return answer


def shape_is_wrong(asked: Asked, answer: Answer) -> Answer:
    if asked.headers.get("content-type") == "application/json" and answer.status == 200:
        return answer.saying({"predictions": answer.json})
    return answer


def worst_comes_first(asked: Asked, answer: Answer) -> Answer:
    if classifying(asked) and answer.status == 200:
        content = answer.json
        return answer.saying(content | {"predictions": content["predictions"][::-1]})
    return answer


def top_k_is_ignored(asked: Asked, answer: Answer) -> Answer:
    if "top_k=2" in asked.query:
        content = answer.json
        return answer.saying(content | {"predictions": content["predictions"] * 2})
    return answer


def request_id_is_another(asked: Asked, answer: Answer) -> Answer:
    return Answer(answer.status, answer.body, {**answer.headers, "x-request-id": "mine"})


def is_never_ready(asked: Asked, answer: Answer) -> Answer:
    error = {"error": {"code": "model_unavailable", "message": "no"}}
    return answer.saying(error, 503) if asked.path == "/readyz" else answer


def says_what_no_schema_does(asked: Asked, answer: Answer) -> Answer:
    return answer.saying(answer.json | {"debug": 1}) if asked.path == "/health" else answer


def is_ill(asked: Asked, answer: Answer) -> Answer:
    health = {"status": "unhealthy", "reason": "no model"}
    return answer.saying(answer.json | health) if asked.path == "/health" else answer


def has_no_document(asked: Asked, answer: Answer) -> Answer:
    return Answer(404, b"{}") if asked.path == "/docs.json" else answer


def document_says_nothing(asked: Asked, answer: Answer) -> Answer:
    document = {"openapi": "3.1.0", "paths": {"/classify": {}}}
    return answer.saying(document) if asked.path == "/docs.json" else answer


def has_no_metrics(asked: Asked, answer: Answer) -> Answer:
    return Answer(200, b"", answer.headers) if asked.path == "/metrics" else answer


def metrics_are_broken(asked: Asked, answer: Answer) -> Answer:
    return Answer(500, b"no") if asked.path == "/metrics" else answer


def metrics_are_hidden(asked: Asked, answer: Answer) -> Answer:
    return Answer(404, b"no") if asked.path == "/metrics" else answer


def batches_are_reversed(asked: Asked, answer: Answer) -> Answer:
    if asked.path == "/classify_batch" and answer.status == 200:
        content = answer.json
        return answer.saying(content | {"results": content["results"][::-1]})
    return answer


def one_bad_image_spoils_its_batch(asked: Asked, answer: Answer) -> Answer:
    if asked.path == "/classify_batch" and b"this is no image" in asked.body:
        error = {"error": {"code": "unsupported_image", "message": "no"}}
        return answer.saying(error, 415)
    return answer


def exif_is_ignored(asked: Asked, answer: Answer) -> Answer:
    if b"eXIf" in asked.body:
        return answer.saying(answer.json | {"confidence": 0.0})
    return answer


def small_images_are_refused(asked: Asked, answer: Answer) -> Answer:
    if asked.body[16:24] == b"\0\0\0\1" * 2:
        error = {"error": {"code": "corrupt_image", "message": "too small"}}
        return answer.saying(error, 422)
    return answer


def file_names_are_paths(asked: Asked, answer: Answer) -> Answer:
    return Answer(500, b"Permission denied") if b"etc/passwd" in asked.body else answer


def allow_is_missing(asked: Asked, answer: Answer) -> Answer:
    headers = {k: v for k, v in answer.headers.items() if k != "allow"}
    return Answer(answer.status, answer.body, headers)


def any_key_will_do(asked: Asked, answer: Answer) -> Answer:
    if "wrong" in asked.headers.get("authorization", ""):
        return answer.saying({"class_id": 0}, 200)
    return answer


def deadlines_are_ignored(asked: Asked, answer: Answer) -> Answer:
    if asked.headers.get("x-deadline-ms") == "0":
        return answer.saying({"class_id": 0}, 200)
    return answer


def it_lies_about_its_time(asked: Asked, answer: Answer) -> Answer:
    if classifying(asked) and answer.status == 200:
        return answer.saying(answer.json | {"processing_time": 1000.0})
    return answer


def it_pretends_to_be_the_default_model(asked: Asked, answer: Answer) -> Answer:
    if asked.path == "/health":
        return answer.saying(answer.json | {"architecture": "efficientnet_lite0"})
    return answer


def redirects_are_pages(asked: Asked, answer: Answer) -> Answer:
    if asked.path == "/livez":
        return Answer(200, b"<h1>hello</h1>", {**answer.headers, "content-type": "text/html"})
    return answer


FLAWS: dict[str, tuple[Flaw, set[str]]] = {
    "availability": (is_never_ready, {"GET /readyz"}),
    "availability, ill": (is_ill, {"GET /health"}),
    "availability, undescribed": (says_what_no_schema_does, {"GET /health"}),
    "availability, page": (redirects_are_pages, {"GET /livez"}),
    "availability, no document": (has_no_document, {"GET /docs.json"}),
    "availability, no metrics": (has_no_metrics, {"GET /metrics"}),
    "availability, metrics": (metrics_are_broken, {"GET /metrics"}),
    "availability, hidden metrics": (metrics_are_hidden, set()),
    "known images": (it_pretends_to_be_the_default_model, set(EXPECTED)),
    "predictions": (form_gets_another_class, {"multipart form, alias file"}),
    "predictions, shape": (shape_is_wrong, {"JSON, base64", "JSON, data URI", "top_k"}),
    "predictions, order": (worst_comes_first, {"consistent with itself"}),
    "predictions, top_k": (top_k_is_ignored, {"top_k"}),
    "predictions, request id": (request_id_is_another, {"X-Request-ID"}),
    "batches": (batches_are_reversed, {"form, in order", "JSON, in order"}),
    "batches, spoilt": (one_bad_image_spoils_its_batch, {"bad image among good ones"}),
    "odd images and names": (exif_is_ignored, {"EXIF orientation"}),
    "odd images and names, small": (small_images_are_refused, {"1 × 1 pixel"}),
    "odd images and names, paths": (file_names_are_paths, {"file name that leaves the folder"}),
    "errors": (garbage_is_a_500, {"garbage"}),
    "errors, arrays": (
        errors_are_arrays,
        {
            "truncated JPEG",
            "20,000 pixels in a row",
            "top_k of 0",
            "top_k below 0",
            "top_k of text",
            "deadline of 0",
            "1,000 images at once",
        },
    ),
    "errors, code": (
        code_is_another,
        {
            "content type of text",
            "content type of a pickle",
            "garbage",
            "unsupported format (TIFF)",
        },
    ),
    "errors, allow": (allow_is_missing, {"wrong method"}),
    "errors, keys": (any_key_will_do, {"wrong API key"}),
    "errors, deadlines": (deadlines_are_ignored, {"deadline of 0"}),
    "response times": (it_lies_about_its_time, {"20 requests, one after another"}),
}


def of_the_load(asked: Asked) -> bool:
    return "aiohttp" in asked.headers.get("user-agent", "")


def classes_change_under_load(asked: Asked, answer: Answer) -> Answer:
    if of_the_load(asked) and classifying(asked):
        return answer.saying(answer.json | {"label": "another"})
    return answer


def it_refuses_under_load(asked: Asked, answer: Answer) -> Answer:
    if of_the_load(asked) and classifying(asked):
        return answer.saying({"error": {"code": "overloaded", "message": "no"}}, 503)
    return answer


def it_is_unready_under_load(asked: Asked, answer: Answer) -> Answer:
    return Answer(503, b"no") if of_the_load(asked) and asked.path == "/readyz" else answer


def metrics_fail_under_load(asked: Asked, answer: Answer) -> Answer:
    return Answer(500, b"no") if of_the_load(asked) and asked.path == "/metrics" else answer


LOOPS = {"1 client", "closed loop", "open loop, Poisson arrivals"}

LOAD_FLAWS: dict[str, tuple[Flaw, set[str], str]] = {
    "wrong": (classes_change_under_load, LOOPS, "failed: 200"),
    "refused": (it_refuses_under_load, LOOPS, "refused: 503"),
    "unready": (it_is_unready_under_load, {"ready under load"}, "503 'no'"),
    "unmeasured": (metrics_fail_under_load, {"/metrics under load"}, "500 'no'"),
    "hidden": (metrics_are_hidden, set(), ""),
}
