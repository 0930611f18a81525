"""What a program holds, as the system sees it: for the two programs beside this file."""

import time


class Memory:
    """Prints how many pictures there were, anonymous memory, and threads."""

    def __init__(self):
        self.pictures = 0
        self.began = time.monotonic()

    def say_now_and_then(self):
        self.pictures += 1
        # After 1, 2, 5, 10, 20, 50, 100, ...
        if str(self.pictures).rstrip("0") in ("1", "2", "5"):
            self.say()

    def say(self):
        with open("/proc/self/status") as file:
            status = dict(line.split(":", 1) for line in file)
        print(
            f"{self.pictures} pictures: {int(status['RssAnon'].split()[0]) // 1024} MB, "
            f"{int(status['Threads'])} threads, {time.monotonic() - self.began:.1f} s",
            flush=True,
        )
