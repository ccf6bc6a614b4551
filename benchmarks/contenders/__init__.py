"""What is measured: the portal, its peers, and the bare work that nothing can be faster than."""
