"""A real browser for tests of pages: headless Chromium, asked over its DevTools protocol."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from trio_websocket import WebSocketConnection, open_websocket_url

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Page:
    """An open page. `errors` are what its scripts threw and what the browser complained of."""

    def __init__(self, socket: WebSocketConnection) -> None:
        self._socket = socket
        self._last = 0
        self.errors: list[str] = []

    async def call(self, method: str, **params: Any) -> Any:
        """Call a method of the DevTools protocol; returns its result."""
        self._last += 1
        await self._socket.send_message(json.dumps({"id": self._last, "method": method, "params": params}))
        while True:
            message = json.loads(await self._socket.get_message())
            if message.get("id") == self._last:
                assert "error" not in message, message
                return message["result"]
            if message.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                said = json.dumps(message["params"])
                if "the server responded with a status of 503" not in said:  # which a page may well expect
                    self.errors.append(said)

    async def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def wait_for(self, script: str, seconds: float = 20) -> Any:
        """Wait until a JavaScript expression is true of the page; returns its value."""
        with trio.move_on_after(seconds):
            while True:
                value = await self.evaluate(script)
                if value:
                    return value
                await trio.sleep(0.1)
        text = await self.evaluate("document.body?.innerText")
        raise AssertionError(
            f"expected {script} within {seconds} s; errors: {self.errors}; the page:\n{text}"
        )


@asynccontextmanager
async def opened(url: str, profile: Path) -> AsyncIterator[Page]:
    """Open a page, with an empty profile in the directory `profile`. Skips where no Chromium is installed."""
    program = os.environ.get("INDEXER_TEST_BROWSER") or next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip(f"expected one of {', '.join(_NAMES)} on PATH (or INDEXER_TEST_BROWSER); none is there")
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--remote-debugging-port=0",
    ]
    browser = _started([program, *options, f"--user-data-dir={profile}", "about:blank"])
    try:
        endpoint = await _endpoint(profile, browser)
        async with open_websocket_url(endpoint, max_message_size=2**26) as socket:
            page = await _page(Page(socket), endpoint)
            async with open_websocket_url(page, max_message_size=2**26) as page_socket:
                opened_page = Page(page_socket)
                for domain in ("Page", "Runtime", "Log"):
                    await opened_page.call(f"{domain}.enable")
                await opened_page.call("Page.navigate", url=url)
                await opened_page.wait_for(
                    "document.readyState === 'complete' && location.href !== 'about:blank'"
                )
                yield opened_page
    finally:
        browser.terminate()
        browser.wait(timeout=20)


def _started(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def _endpoint(profile: Path, browser: subprocess.Popen[bytes]) -> str:
    """Where the browser answers, once it says so in its profile."""
    port_file = profile / "DevToolsActivePort"
    with trio.fail_after(30):
        while not (port_file.is_file() and len(lines := port_file.read_text().split()) == 2):
            assert browser.poll() is None, f"the browser ended with {browser.returncode}"
            await trio.sleep(0.05)
    return f"ws://127.0.0.1:{lines[0]}{lines[1]}"


async def _page(browser: Page, endpoint: str) -> str:
    """Where the browser's first page answers."""
    targets = (await browser.call("Target.getTargets"))["targetInfos"]
    page = next(target["targetId"] for target in targets if target["type"] == "page")
    return f"{endpoint.partition('/devtools/')[0]}/devtools/page/{page}"
