"""Sign-up by e-mail address, proven by a code or a link in one mail."""
