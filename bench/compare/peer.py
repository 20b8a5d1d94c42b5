# SPDX-License-Identifier: BSD-3-Clause
"""What every peer of a comparison does: start, count packets at its sink, stop."""
import time

from session import wait_for

SETTLE = 0.7  # seconds of traffic before a measurement begins


class Peer:
    """Subclasses have start(), sample() (the time, and packets that have reached the sink since), and stop()."""

    def rate(self, seconds):
        """Starts the peer, and returns the millions of packets a second that reach its sink."""
        self.start()
        wait_for("no packet reaches the sink", lambda: self.sample()[1] > 0, 20)
        time.sleep(SETTLE)
        t0, p0 = self.sample()
        time.sleep(seconds)
        t1, p1 = self.sample()
        return (p1 - p0) / (t1 - t0) / 1e6
