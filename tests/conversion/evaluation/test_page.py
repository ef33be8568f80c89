import base64

from conversion.evaluation.page import page
from conversion.evaluation.report import Evaluated, Report
from conversion.evaluation.run import Mistake
from conversion.evaluation.scores import Prediction, scores
from harness.toys import LABELS

JPEG = b"\xff\xd8\xff the picture"
MISTAKE = Mistake(0.75, "green/<b>.png", 1, 0.125, ((0, 0.75), (1, 0.125), (2, 0.125)), JPEG)


def report(*predictions: Prediction) -> Report:
    model = Evaluated("image_classifier:toy", "cpu", True, 10.0, scores(predictions, 3))
    count = len(predictions)
    return Report("here", "by hand", (), count, 0, {}, (model,), None, ("<red>", *LABELS[1:]))


def test_a_mistake_stands_beside_what_the_model_thought() -> None:
    shown = page(report(Prediction(1, (0, 1, 2), 0.75)), [MISTAKE])
    assert f"data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}" in shown
    assert "<h2>Mistakes: what the model saw, and what it thought</h2>" in shown
    assert "<b>green (1), 12.5%</b><code>green/&lt;b&gt;.png</code>" in shown
    assert '<span>&lt;red&gt; (0)</span><span>75.0%</span><i style="width:75.0%">' in shown


def test_the_heading_says_how_many_are_not_shown() -> None:
    wrong = [Prediction(1, (0, 1, 2), 0.75)] * 3
    assert "<h2>Mistakes, the 1 most confident of 3: what" in page(report(*wrong), [MISTAKE])
    assert "<h2>No mistakes</h2>" in page(report(Prediction(0, (0, 1, 2), 0.75)), [])
    assert "<h2>No labels, so no mistakes are known</h2>" in page(
        report(Prediction(None, (0, 1, 2), 0.75)), []
    )
