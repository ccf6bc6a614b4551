"""Recovery codes: the second step of somebody who lost the phone."""
