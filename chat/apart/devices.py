"""The devices of this machine, found out where that leaves nothing in the program's own memory."""

from chat.apart.link import Link
from chat.apart.wire import DEVICES
from chat.models.survey import Device, devices, may_have_accelerators


def devices_apart() -> list[Device]:
    """Everything that this machine can compute on; torch, which knows accelerators, is imported in another process.

    Raises:
        ModelLostError: That process ended.
    """
    if not may_have_accelerators():
        return devices()
    link = Link()
    try:
        found: list[Device] = link.ask(DEVICES)
        return found
    finally:
        link.end()
