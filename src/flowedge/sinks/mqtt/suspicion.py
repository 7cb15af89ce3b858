"""Finds the message at which a broker closes the connection instead of refusing it."""

ATTEMPTS = 10  # with pauses that grow to a minute: a network so bad would be another matter
TOO_LARGE = 0x95


class Suspicion:
    """MQTT 3.1.1 has no way to refuse a message but to end the connection: sent again, it would end every other.

    After a connection that the broker has ended, messages go out one at a time until one is accepted. One that was
    alone on its way ATTEMPTS times in a row when the broker ended the connection is refused for good.
    """

    def __init__(self) -> None:
        self.cautious = False
        """send one message at a time"""
        self._suspect = 0
        self._attempts = 0

    def accepted(self) -> None:
        """The broker has answered a message."""
        self.cautious = False
        self._attempts = 0

    def ended(self, in_flight: list[int], code: int) -> int | None:
        """The broker has ended the connection. Returns the message that it refuses, if that is certain."""
        if not in_flight:
            return None
        if self.cautious and in_flight[0] == self._suspect:
            self._attempts += 1
        else:
            self._suspect, self._attempts = in_flight[0], int(self.cautious)
        self.cautious = True
        alone = len(in_flight) == 1
        return self._suspect if alone and (code == TOO_LARGE or self._attempts >= ATTEMPTS) else None
