"""The address that a person types to say who they are."""

from portal.mail.address import address_problem


def read_address(typed: str) -> str | None:
    """Return an address in the one spelling that accounts are found by, or None when it is not exactly one address.

    Case and a trailing dot of the domain do not tell mailboxes apart; plus tags and dots in the local part do.
    """
    address = typed.strip().lower().removesuffix(".")
    return None if address_problem(address) else address
