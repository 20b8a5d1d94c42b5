# SPDX-License-Identifier: BSD-3-Clause
"""The packets that everybody forwards: Ethernet, IPv4 and UDP between RFC 2544's addresses, as Catena's generator makes."""
import struct

PCAP_MAGIC = 0xA1B2C3D4
LINKTYPE_ETHERNET = 1
FCS = 4  # a frame's size counts its check sequence, which no program sees
SIZE_MIN, SIZE_MAX = 64, 1518


def checksum(data):
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(size, flow=0, source_mac=b"\x02\0\0\0\0\1", target_mac=b"\x02\0\0\0\0\2"):
    """A frame of `size` bytes with its check sequence, of one of 65536 flows that differ in address and port."""
    if not SIZE_MIN <= size <= SIZE_MAX:
        raise ValueError(f"a frame of {size} bytes: expected {SIZE_MIN} to {SIZE_MAX}")
    length = size - FCS - 14
    source = bytes([198, 18, flow >> 8 & 0xFF, (flow & 0xFF) + 1 if flow & 0xFF < 255 else 1])
    target = bytes([198, 19, 0, 2])
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, 17, 0, source, target)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    udp = struct.pack("!HHHH", 1024 + flow % 60000, 9, length - 20, 0)  # no checksum: RFC 768 allows it
    return target_mac + source_mac + b"\x08\0" + ip + udp + bytes(length - 28)


def write_pcap(path, frames):
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", PCAP_MAGIC, 2, 4, 0, 0, 65535, LINKTYPE_ETHERNET))
        for data in frames:
            out.write(struct.pack("<IIII", 0, 0, len(data), len(data)) + data)
