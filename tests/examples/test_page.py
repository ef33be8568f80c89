"""The page in examples/, in a real browser."""

import html
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from harness.servers import PROJECT, Server
from tests.examples.conftest import KEY
from tests.support.tools import program

pytestmark = pytest.mark.slow

# Does what a user does: says where the service is and chooses a file.
USER = """
<script type="module">
  const files = new DataTransfer();
  files.items.add(new File([await (await fetch("red.png")).blob()], "red.png"));
  document.getElementById("url").value = "SERVICE";
  document.getElementById("key").value = "KEY";
  document.getElementById("image").files = files.files;
  document.getElementById("image").dispatchEvent(new Event("change"));
</script>
</body>
"""


def seen(host: str, site: int, folder: Path, server: Server) -> tuple[list[str], str]:
    """The answers and the error that the page shows."""
    page = (PROJECT / "examples/page.html").read_text()
    assert "</body>" in page
    user = USER.replace("SERVICE", server.url).replace("KEY", KEY)
    (folder / "page.html").write_text(page.replace("</body>", user))
    browser = program("chromium", "chromium")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    profile = f"--user-data-dir={folder / 'profile'}"
    address = f"http://{host}:{site}/page.html"
    done = subprocess.run(
        [*command, profile, "--virtual-time-budget=20000", address],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answers = re.findall(r"<li>(.*?)</li>", done.stdout)
    (error,) = re.findall(r'<p id="error".*?>(.*?)</p>', done.stdout)
    return answers, html.unescape(error)


def test_the_page_shows_the_answer(site: int, folder: Path, server: Server) -> None:
    answers, error = seen("127.0.0.1", site, folder, server)
    assert error == ""
    assert answers == ["red 0.992", "green 0.004", "blue 0.004"]


def test_a_page_of_another_origin_gets_nothing(site: int, folder: Path, server: Server) -> None:
    assert seen("localhost", site, folder, server) == ([], "Failed to fetch")


def test_the_browser_may_ask_with_a_key_and_a_deadline(site: int, server: Server) -> None:
    headers = {
        "origin": f"http://127.0.0.1:{site}",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,x-deadline-ms",
    }
    answer = httpx.options(server.url + "/classify", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == headers["origin"]
