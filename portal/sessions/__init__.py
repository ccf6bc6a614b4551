"""Sessions: browsers that are logged in."""
