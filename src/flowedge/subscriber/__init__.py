"""MQTT in, edge lists out.

Connection ──message──▶ Inbox ──part──▶ Windows or Parts ──▶ queue ──window──▶ Subscription
 one thread ◀──answers── Ledger                                                the program's thread
"""

from flowedge.subscriber.assembly import Limits
from flowedge.subscriber.subscription import Subscription, subscribe

__all__ = ["Limits", "Subscription", "subscribe"]
