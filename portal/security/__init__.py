"""How one logs in: the security page of the account area."""
