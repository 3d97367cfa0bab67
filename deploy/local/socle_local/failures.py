"""What can go wrong on the machine, each told in one sentence that also says what to do."""


class PlatformFailedError(Exception):
    """The platform cannot do what was asked; the message is the sentence the person at the keyboard reads."""


class InterruptedStartError(PlatformFailedError):
    """The start was given up before the platform was ready."""

    def __init__(self) -> None:
        super().__init__("The start was interrupted; everything that ran was stopped.")
