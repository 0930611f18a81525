"""Headless Chromium on the page, and what the tests ask of it."""
import json
import os

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

DESK, PHONE = (1280, 900), (375, 740)


class Browser:
    def __init__(self, url, size=DESK, dark=False, still=False):
        options = webdriver.ChromeOptions()
        # In a container Chromium's own sandbox cannot be set up by root.
        for word in ("--headless=new", "--disable-dev-shm-usage", "--disable-gpu",
                     *(["--no-sandbox"] if os.geteuid() == 0 else [])):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
                         {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"}]})
        self.url, self.seen, self.asked = url, [], []
        self.driver.get(url)

    def find(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def text(self, css):
        return self.driver.execute_script("return document.querySelector(arguments[0]).textContent", css)

    def run(self, script, *words):
        return self.driver.execute_script(script, *words)

    def module(self, name, script, *words):
        """What `script` returns, in which `it` is one of the page's modules."""
        return self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            f"import('/page/{name}').then((it) => {{ {script} }}).then(done, (e) => done(String(e)));", *words)

    def until(self, condition, seconds=30):
        return WebDriverWait(self.driver, seconds, 0.1).until(lambda _: condition())

    def hits(self):
        """The rows of the neighbours that are shown, nearest first."""
        return self.run("return [...document.querySelectorAll('#hits button')].map((b) => +b.dataset.row)")

    def complaints(self, but=()):
        """Errors and warnings of the console so far, except those that have one of these words."""
        self.seen += [entry["message"] for entry in self.driver.get_log("browser")
                      if entry["level"] in ("SEVERE", "WARNING")]
        left = [line for line in self.seen if not any(word in line for word in but)]
        self.seen = left
        return left

    def addresses(self):
        """Every address that was asked for so far."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.asked.append(message["params"]["request"]["url"])
        return self.asked
