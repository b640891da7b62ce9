"""Flink's web UI, in a browser: the graphs of the jobs are drawn with names that read like the README's picture."""

import re
import shutil

import pytest
from playwright.sync_api import sync_playwright
from support.absent import absent
from support.evidence import ARTIFACTS
from support.patience import patient

from runtime.flink_rest import FlinkRest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

#: What an operator looks for, by job: the boxes of the graph in the order of the flow.
BOXES = {
    "ingest": ["Source: raw topics", "contract gate", "Bronze: Writer", "Bronze: Committer", "dead letter topic"],
    "normalize": [
        "Source: raw topics", "normalize", "normalized topics: Writer", "Silver trades: Writer", "Silver quotes: Writer"
    ],
    "analytics": [
        "Source: trade topics", "Source: quote topics", "bars", "quote bars", "Gold bars: Writer",
        "ClickHouse bars: Writer", "Gold quote bars: Writer", "ClickHouse quote bars: Writer",
    ],
}  # fmt: skip
#: What Flink makes up where nobody gives a name: ``Calc[29]``, ``*anonymous_datastream_source$8*``, ``Map``.
MADE_UP = re.compile(r"\w+\[\d+\]|anonymous|\bMap\b|Unnamed|KEYED PROCESS|_stream_key_by")


@pytest.fixture(scope="module")
def browser():
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        absent("no chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        # Debian's own: a test that downloads a browser would not run here.
        one = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield one
        one.close()


@pytest.mark.parametrize("job", BOXES)
def test_the_graph_reads_like_the_readme(outcome, browser, job):
    url = outcome.stack.settings.flink.url
    with FlinkRest(url) as rest:
        found = rest.job(job)
        names = [vertex["name"] for vertex in rest.vertices(found.id)]
    page = browser.new_page(viewport={"width": 1600, "height": 1000})
    try:
        page.set_default_timeout(1_000 * patient(60))
        page.goto(f"{url}/#/job/running/{found.id}/overview")
        # All boxes are drawn when the last one is.
        page.wait_for_function("count => document.querySelectorAll('g.node').length >= count", arg=len(names))
        drawn = page.locator("g.node").all_text_contents()
        ARTIFACTS.mkdir(exist_ok=True)
        page.screenshot(path=ARTIFACTS / f"flink-{job}.png")
    finally:
        page.close()
    # The UI breaks long names wherever a line of the box ends.
    text = "".join("".join(drawn).split())
    assert [box for box in BOXES[job] if "".join(box.split()) not in text] == []
    assert [name for name in names if "".join(name.split()) not in text] == []
    assert not MADE_UP.search(" ".join(names))
