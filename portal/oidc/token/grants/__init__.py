"""What can be exchanged for tokens, one file each."""
