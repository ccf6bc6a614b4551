"""Text messages: how they are written, and how they leave."""
