"""A process that publishes windows until it is killed: python publishing_agent.py URL SPOOL BOOT WINDOWS.

Writes each window's number when the spool has it.
"""

import sys
import time

from integration.mqtt import META, window

from flowedge.sinks.mqtt import MqttSettings, MqttSink

PAUSE_SECONDS = 0.001


def main(url: str, spool: str, boot: str, windows: int) -> None:
    settings = MqttSettings(url=url, node="gw", spool=spool)
    sink = MqttSink(settings, boot=boot, version="0.1.0", meta=META, notify=lambda level, text: print(text))
    sink.tick()
    while not sink.counters().publisher.connected:
        time.sleep(PAUSE_SECONDS)
    for seq in range(windows):
        sink.end_window(window(seq, boot=boot))
        print(seq, flush=True)
        time.sleep(PAUSE_SECONDS)
    sink.close(30)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
