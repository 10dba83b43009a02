#!/usr/bin/env python3
"""A switch between network interfaces that forwards each frame after a delay, for kernels without netem. Needs root; takes
a part of a core.

    bench/late_switch.py --delay-us 200 INTERFACE INTERFACE …

Prints a line once it forwards, and runs until it is killed. Frames come with the kernel's offload header (PACKET_VNET_HDR),
so that one of 64 KB stays one frame and costs one copy in and one out.
"""

import argparse
import collections
import ctypes
import select
import socket
import time

SOL_PACKET = 263
PACKET_VNET_HDR = 15
PACKET_IGNORE_OUTGOING = 23
ETH_P_ALL = 3
SO_SNDBUFFORCE = 32
SO_RCVBUFFORCE = 33
PR_SET_TIMERSLACK = 29
HEADER = 10  # of struct virtio_net_hdr, before each frame
LARGEST = HEADER + 14 + (64 << 10)
SPIN_S = 30e-6  # less than this is not worth a sleep
AT_ONCE = 64  # frames taken from an interface before others have their turn


def open_interface(name):
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    port.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    port.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    for option in (SO_SNDBUFFORCE, SO_RCVBUFFORCE):
        port.setsockopt(socket.SOL_SOCKET, option, 64 << 20)
    port.bind((name, 0))
    port.setblocking(False)
    return port


class LateSwitch:
    def __init__(self, names, delay_s):
        self.ports = [open_interface(name) for name in names]
        self.delay_s = delay_s
        self.homes = {}  # of an address: the port behind which it was seen
        self.waiting = collections.deque()  # (when, where it came from, frame), in the order of `when`
        self.num_dropped = 0

    def take(self, port):
        for _ in range(AT_ONCE):
            try:
                frame = port.recv(LARGEST)
            except BlockingIOError:
                return
            self.homes[frame[HEADER + 6:HEADER + 12]] = port
            self.waiting.append((time.monotonic() + self.delay_s, port, frame))

    def forward(self, source, frame):
        home = self.homes.get(frame[HEADER:HEADER + 6])
        for port in self.ports if home is None else [home]:
            if port is source:
                continue
            try:
                port.send(frame)
            except OSError:  # a full queue or an interface that is down: as with a cable, the frame is lost
                self.num_dropped += 1

    def run(self):
        while True:
            wait_s = self.waiting[0][0] - time.monotonic() if self.waiting else None
            if wait_s is not None and wait_s < SPIN_S:
                wait_s = 0
            for port in select.select(self.ports, [], [], wait_s)[0]:
                self.take(port)
            while self.waiting and self.waiting[0][0] <= time.monotonic():
                _, source, frame = self.waiting.popleft()
                self.forward(source, frame)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--delay-us", type=float, default=200)
    parser.add_argument("interfaces", nargs="+")
    options = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    switch = LateSwitch(options.interfaces, options.delay_us * 1e-6)
    print("forwards", flush=True)
    switch.run()


if __name__ == "__main__":
    main()
