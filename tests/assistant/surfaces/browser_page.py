"""A real browser on the chat page: Debian's chromium, driven through selenium. And a real server for it.

    python tests/assistant/surfaces/browser_page.py http://localhost:8000 docs/img/chat.png "Plan tonight's round ..."

takes a picture of the page, 1280 x 900, after the questions were answered.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
WIDTH, HEIGHT = 1280, 900
WAIT_S = 60.0
START_S = 90.0
ROOT = Path(__file__).parents[3]


def missing_programs() -> str | None:
    """What has to be installed first, or None."""
    if shutil.which("chromium") and shutil.which("chromedriver"):
        return None
    return "chromium is not installed: apt-get install --no-install-recommends chromium chromium-driver"


@contextmanager
def browser(height: int = HEIGHT) -> Iterator[webdriver.Chrome]:
    """A browser without a past, which keeps a list of its requests and of what its pages complain about."""
    with tempfile.TemporaryDirectory(prefix="roundsman-chromium-", ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = str(shutil.which("chromium"))
        for flag in (*FLAGS, f"--window-size={WIDTH},{height}", f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = Service(shutil.which("chromedriver"), log_output=subprocess.DEVNULL)
        driver = webdriver.Chrome(options=options, service=service)
        try:
            size = {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            yield driver
        finally:
            driver.quit()


class ChatPage:
    """What a person does on the page."""

    def __init__(self, driver: webdriver.Chrome, url: str, first: str = "#chat-input") -> None:
        self._driver = driver
        driver.get(url)
        self.see(first)

    def log_in(self, name: str, key: str) -> None:
        """Fills the login form and sends it."""
        for field, text in (("#email", name), ("#password", key)):
            box = self.see(field)[0]
            box.send_keys(Keys.CONTROL, "a")
            box.send_keys(text)
        box.send_keys(Keys.ENTER)

    def see(self, css: str, count: int = 1) -> list[WebElement]:
        """Waits for that many elements and gives them."""
        found: list[WebElement] = []

        def enough(driver: webdriver.Chrome) -> bool:
            found[:] = driver.find_elements(By.CSS_SELECTOR, css)
            return len(found) >= count

        WebDriverWait(self._driver, WAIT_S).until(enough, f"the page never showed {count} of {css}")
        return found

    def read(self, text: str) -> str:
        """Waits for a text and gives all that can be read."""
        WebDriverWait(self._driver, WAIT_S).until(lambda _: text in self.text(), f"the page never said {text!r}")
        return self.text()

    def text(self) -> str:
        """All that can be read."""
        return self._driver.find_element(By.TAG_NAME, "body").text

    def ask(self, question: str) -> None:
        """Types a question and sends it; returns when the page waits for the next one."""
        self.begin(question)
        time.sleep(0.5)  # the page takes a moment to say that it is at work
        self.rest()

    def begin(self, question: str) -> None:
        """Types a question and sends it, and does not wait for the answer."""
        box = self.see("#chat-input")[0]
        box.click()
        box.send_keys(question)
        self.see("#chat-submit:not([disabled])")
        box.send_keys(Keys.ENTER)
        self.read(question)

    def rest(self) -> None:
        """Waits until nothing is being answered."""
        idle = lambda driver: not driver.find_elements(By.CSS_SELECTOR, "#stop-button")  # noqa: E731
        WebDriverWait(self._driver, WAIT_S).until(idle, "the answer never ended")

    def press(self, label: str) -> None:
        """Presses the newest button with that label, once the page has drawn it; again when it is drawn anew just then.

        What an empty page offers comes from the server after the page itself.
        """

        def pressed(_driver: webdriver.Chrome) -> bool:
            buttons = [b for b in self.see("button") if b.text.strip() == label]
            if not buttons:
                return False
            self._driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", buttons[-1])
            buttons[-1].click()
            return True

        WebDriverWait(self._driver, WAIT_S, 0.1, [StaleElementReferenceException]).until(
            pressed, f"there is no button {label!r}"
        )

    def press_until(self, label: str, text: str) -> None:
        """Presses the button again and again, as an impatient person does, until the page says the text."""

        def pressed(driver: webdriver.Chrome) -> bool:
            if text not in self.text() and self.has_button(label):
                self.press(label)
            time.sleep(1)
            return text in self.text()

        WebDriverWait(self._driver, WAIT_S).until(pressed, f"the page never said {text!r}")

    def has_button(self, label: str) -> bool:
        """Whether the page offers a button with that label."""
        return any(b.text.strip() == label for b in self._driver.find_elements(By.CSS_SELECTOR, "button"))

    def point_at(self, css: str, shown: str) -> str:
        """Moves the pointer to the last of the elements, the one on top, and gives what then shows."""
        last = self.see(css)[-1]
        self._driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", last)
        ActionChains(self._driver).move_to_element(last).perform()
        return " ".join(self.see(shown)[0].text.split())

    def open_step(self, name: str) -> str:
        """Opens the newest step of a tool and gives what the page then says."""
        self.see(f"#step-{name}")[-1].click()
        return self.read("ms")

    def open_running_step(self, name: str) -> None:
        """Opens the step of a tool that still runs; a press before the page has drawn it all goes unheard."""

        def opened(_driver: webdriver.Chrome) -> bool:
            if "json" not in self.text():
                self.see(f"#step-{name}")[-1].click()
                time.sleep(1)
            return "json" in self.text()

        WebDriverWait(self._driver, WAIT_S, 0.2, [StaleElementReferenceException]).until(opened, "it never opened")

    def picture(self, file: Path) -> None:
        """Saves what the window shows."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._driver.save_screenshot(str(file))

    def foreign_requests(self) -> list[str]:
        """Addresses that the page asked for on other hosts."""
        own = urlsplit(self._driver.current_url).netloc
        messages = [json.loads(entry["message"])["message"] for entry in self._driver.get_log("performance")]
        asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        return [url for url in asked if urlsplit(url).scheme in {"http", "https"} and urlsplit(url).netloc != own]

    def complaints(self) -> list[str]:
        """Errors of the page, violations of its policy among them."""
        return [entry["message"] for entry in self._driver.get_log("browser") if entry["level"] == "SEVERE"]


# ---------------------------------------------------------------- a server


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


@contextmanager
def serving(command: Sequence[str], url: str, settings: Mapping[str, str], log: Path) -> Iterator[str]:
    """Runs a server until the block ends; its address, once it is alive."""
    quiet = {name: value for name, value in os.environ.items() if not name.startswith(("ROUNDSMAN_", "CHAINLIT_"))}
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, *command], env={**quiet, **settings}, cwd=ROOT, stdout=out, stderr=out
        )
        try:
            _wait_until_alive(url, process, log)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_alive(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            assert process.poll() is None, f"the server ended: {log.read_text(errors='replace')[-2000:]}"
            assert time.monotonic() < give_up, f"the server never answered: {log.read_text(errors='replace')[-2000:]}"
            time.sleep(0.2)


def take_picture(url: str, file: Path, questions: Sequence[str]) -> None:
    """Asks the questions and saves the window."""
    with browser() as driver:
        page = ChatPage(driver, url)
        for question in questions:
            page.ask(question)
        time.sleep(4)  # tables and maps are loaded when they are first needed
        page.picture(file)


if __name__ == "__main__":
    take_picture(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
