"""For development only (PORTAL_DEV=1): the inbox that shows every mail, the component gallery, the seeds."""
