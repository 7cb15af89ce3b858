"""What flowedge raises above the door; each class knows the exit code of a command that ends with it."""


class FlowedgeError(Exception):
    """Base of all. Its text is one sentence that names the thing and, where there is one, the remedy."""

    exit_code = 1


class CaptureError(FlowedgeError):
    """A capture is unusable, or was usable up to a place: what came before it has been delivered."""


class NotACaptureError(CaptureError):
    """Nothing could be read: the file is empty, or neither pcap nor pcapng."""


class UsageError(FlowedgeError, ValueError):
    """An argument or option cannot be met."""

    exit_code = 2


class ConfigurationError(UsageError):
    """Settings cannot be met. Its text has a line for each of `problems`, which are sentences."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class MissingInputError(UsageError, FileNotFoundError):
    """There is no such file."""


class PermissionDeniedError(FlowedgeError, PermissionError):
    """The system does not let this user capture, or read the capture."""

    exit_code = 3


class InterfaceError(FlowedgeError):
    """An interface cannot be captured."""

    exit_code = 3


class MissingInterfaceError(InterfaceError):
    """There is no such interface."""


class SinkError(FlowedgeError):
    """An output cannot be written (any further)."""

    exit_code = 4


class MissingPackageError(UsageError, ImportError):
    """An optional package is needed and not installed."""


class MalformedMessageError(FlowedgeError):
    """A message is not what it should be; nothing of it is used."""


class EdgeTooLargeError(FlowedgeError, ValueError):
    """An edge alone is larger than a message may be."""


class BrokerError(FlowedgeError):
    """An MQTT broker refuses for good: the user, the client, or what it asks for."""

    exit_code = 3
