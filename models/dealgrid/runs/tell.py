"""Telling people: a message through Apprise to an address that only the environment knows."""

from __future__ import annotations

import logging
import os

from dealgrid.runs.state import Message


def deliver(message: Message) -> str:
    """Deliver a message to the addresses in its variable, comma or space between; nothing, or why not.

    What is said never holds the address, which may hold a password. Several addresses in one variable count as one:
    where only some take the message, it goes to all again, so people who must hear once get a variable each.
    """
    addresses = os.environ.get(message.variable, "").replace(",", " ").split()
    if not addresses:
        return f"the variable {message.variable} is not set"
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its log may hold the address
    people = apprise.Apprise()
    added = [people.add(address) for address in addresses]
    if not all(added):
        return f"the variable {message.variable} holds something that is not an Apprise address"
    try:
        delivered = people.notify(title=message.title, body=message.body)
    except Exception as error:  # noqa: BLE001 - a hundred services fail in their own ways; the message waits
        return f"the address in {message.variable} fails: {type(error).__name__}"
    return "" if delivered else f"the address in {message.variable} does not take the message"
