import re

from batch.contact_sheet.cards import Card, document, jpeg_of, section
from harness.toys import RED, pixels


def test_a_card_shows_what_the_model_saw_and_thought() -> None:
    shown = section(
        "First & last", [Card("<a>.jpg", jpeg_of(pixels(RED)), (("<b>", 0.25),), "c&d")]
    )
    assert "<h2>First &amp; last</h2>" in shown
    assert '<img alt="&lt;a&gt;.jpg" loading="lazy" src="data:image/jpeg;base64,/9j/' in shown
    assert "<b>c&amp;d</b><code>&lt;a&gt;.jpg</code>" in shown
    assert '<span>&lt;b&gt;</span><span>25.0%</span><i style="width:25.0%"></i>' in shown


def test_a_photograph_that_is_gone_has_no_picture() -> None:
    shown = section("All", [Card("a.jpg", None, ())])
    assert '<div class="none">no longer there</div>' in shown
    assert "<img" not in shown


def test_the_page_needs_nothing_else_and_runs_nothing() -> None:
    shown = document("A <title>", ["one", "<two>"], section("All", []))
    assert "<h1>A &lt;title&gt;</h1><pre>one\n&lt;two&gt;</pre>" in shown
    assert re.findall(r"<script|<link|@import|url\(|https?:| on\w+=", shown) == []
    assert "prefers-color-scheme: dark" in shown
